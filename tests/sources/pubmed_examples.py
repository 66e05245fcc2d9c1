"""PubMed records for tests, made for this project."""

from __future__ import annotations

from newsletter.sources.base import Raw


def records(*inner: str) -> str:
    return f"<PubmedArticleSet>{''.join(inner)}</PubmedArticleSet>"


def record(pmid: str, inner: str, doi: str = "") -> str:
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article>'
        f"<ArticleTitle>A study</ArticleTitle></Article>{inner}</MedlineCitation><PubmedData><ArticleIdList>"
        f'<ArticleId IdType="doi">{doi}</ArticleId></ArticleIdList></PubmedData></PubmedArticle>'
    )


GOOD = """<PubmedArticleSet><PubmedArticle><MedlineCitation Status="MEDLINE">
<PMID Version="1">12345678</PMID>
<Article PubModel="Print-Electronic">
<Journal><JournalIssue><PubDate><Year>2026</Year><Month>Dec</Month></PubDate></JournalIssue>
<Title>Example journal of walking</Title></Journal>
<ArticleTitle>Walking speed at 10<sup>6</sup> steps: a trial</ArticleTitle>
<ELocationID EIdType="pii">x</ELocationID><ELocationID EIdType="doi" ValidYN="Y">10.5555/located</ELocationID>
<Abstract><AbstractText Label="BACKGROUND">We walked.</AbstractText></Abstract>
<PublicationTypeList><PublicationType UI="D016428">Journal Article</PublicationType></PublicationTypeList>
<ArticleDate DateType="Electronic"><Year>2026</Year><Month>11</Month><Day>03</Day></ArticleDate></Article>
<OtherAbstract Type="plain-language-summary" Language="eng">
<AbstractText Label="Key takeaway">Short walks helped a little.</AbstractText>
<AbstractText Label="WHAT THEY FOUND">People with MS walked 4 % faster than before.</AbstractText>
<AbstractText Label="Who should care &amp; why:">Caregivers can plan walks.</AbstractText>
<AbstractText Label="Important considerations">The study was small.</AbstractText></OtherAbstract>
<KeywordList Owner="NOTNLM"><Keyword>Gait</Keyword><Keyword>Multiple sclerosis.</Keyword><Keyword>gait</Keyword>
</KeywordList></MedlineCitation><PubmedData><ArticleIdList><ArticleId IdType="pubmed">12345678</ArticleId>
<ArticleId IdType="doi">10.5555/Walk.1</ArticleId></ArticleIdList><ReferenceList><Reference><ArticleIdList>
<ArticleId IdType="doi">10.5555/other</ArticleId></ArticleIdList></Reference></ReferenceList></PubmedData>
</PubmedArticle></PubmedArticleSet>
"""


def changed(old: str, new: str, text: str = GOOD) -> str:
    """`text` with one part replaced. Fails where the part is not there, so that no test passes for nothing."""
    assert old in text, old
    return text.replace(old, new, 1)


def raw(data: bytes | str, facts: bytes | None = None) -> Raw:
    """A file as a folder would give it."""
    found = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return Raw(key="one", name="folder/one.xml", data=found, facts=facts)
