"""Mail that comes in: where it lies (a Maildir, an IMAP mailbox, standard input), and what one message says."""
