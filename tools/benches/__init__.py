"""What `tools/bench` needs beyond itself: the peers that the agent is measured against."""
