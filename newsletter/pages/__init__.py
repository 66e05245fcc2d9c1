"""What browsers see: static pages. They need no script and load nothing from anywhere."""

REQUIRED_TEMPLATES = (
    "web/article.html",
    "web/article_body.html",
    "web/article_summary.html",
    "web/base.html",
    "web/digest.html",
    "web/digest_body.html",
    "web/digest_heading.html",
    "web/digest_summary.html",
    "web/feeds.html",
    "web/front.html",
    "web/heading.html",
    "web/notice_body.html",
    "web/parts.html",
    "web/study_url.html",
    "web/style.css",
)
