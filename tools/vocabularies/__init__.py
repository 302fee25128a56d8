"""What `tools/vocabulary` needs beyond itself: where the words come from, and which of them stay."""
