"""The check of an installation: what is there, compared with what should be. It changes nothing and sends nothing."""
