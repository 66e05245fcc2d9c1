"""What the process itself serves: `public/`, the unsubscribe pages and a sign of life."""
