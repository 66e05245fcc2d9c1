"""The gate for mail: what tired eyes, mail programs and filters would object to, told before anything is sent.

It shares no code with what writes the messages, and judges the bytes that would leave. `message` is its door, `finding`
holds the rules; `wire` reads bytes and MIME, `fields` the header, `page` and `css` the HTML as a mail program shows it.
"""
