"""What the owner decided: kept so that damage, loss and old copies can only narrow it."""
