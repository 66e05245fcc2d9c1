"""Where articles come from: one file a kind of source, each with the two steps of `base.Source`."""
