"""What differs between runtimes. Chosen once, in the entry point, and handed in; nothing else asks where it runs."""
