"""The ways out: mail, Slack, webhooks, a file, the terminal. Nothing else of crmctl sends anything to anybody."""
