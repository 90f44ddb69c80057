"""Send messages to people, by apprise: e-mail, Slack, Discord, Telegram and webhooks."""
