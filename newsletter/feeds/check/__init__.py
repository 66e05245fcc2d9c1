"""The operator's own check of feeds: what the strictest readers would object to, told before they do.

It shares no code with what writes the feeds, and judges bytes: `document` one file, `walk` a chain of archive documents,
`folder` everything below `public/feeds/`, `serving` the answers of a web server. `finding` holds the rules.
"""
