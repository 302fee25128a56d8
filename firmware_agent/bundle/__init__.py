"""The support bundle: logs, configuration and facts in one text that the owner sees before it goes anywhere."""
