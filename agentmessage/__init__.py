"""AgentMessage numbers: the project."""
