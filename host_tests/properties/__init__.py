"""Properties: what must hold for every profile, record and consent, tried on generated ones on both runtimes."""
