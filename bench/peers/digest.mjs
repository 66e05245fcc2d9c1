// A digest of two summaries in react-email's own components, with nothing but their defaults.
// node digest.mjs > react-email.html
import { Body, Button, Container, Head, Heading, Hr, Html, Link, Preview, Section, Text, render } from "react-email";
import { createElement as tag } from "react";

const site = "https://news.example.org";
const summary = (title, slug, finding, caveat) =>
  tag(Section, { key: slug },
    tag(Heading, { as: "h2" }, title),
    tag(Text, null, finding),
    tag(Text, null, `Keep in mind: ${caveat}`),
    tag(Button, { href: `${site}/articles/${slug}/` }, `${title} on the web`),
    tag(Hr));

const digest = tag(Html, { lang: "en", dir: "ltr" },
  tag(Head, null, tag("title", null, "2 new summaries, 9 to 15 November 2026")),
  tag(Preview, null, "Short walks made everyday tiredness easier to live with."),
  tag(Body, null, tag(Container, null,
    tag(Heading, { as: "h1" }, "Caregiver Weekly"),
    tag(Text, null, "9 to 15 November 2026. About 2 minutes to read."),
    tag(Text, null, tag(Link, { href: `${site}/digests/caregiver-weekly/2026-W46/` }, "Read this digest on the web")),
    tag(Hr),
    summary("Short Walks and Tiredness", "short-walks", "Short walks made everyday tiredness easier to live with.",
      "the study was small and lasted three months only."),
    summary("Short Naps After Lunch", "naps", "A nap of half an hour may help people with MS through the afternoon.",
      "the study had no group to compare with."),
    tag(Text, null, "You get this email because you asked for Caregiver Weekly. "
      + "Sent by The Example Editors, 1 Example Street, Example Town."),
    tag(Text, null, tag(Link, { href: `${site}/unsubscribe/token` }, "Unsubscribe")))));

process.stdout.write(await render(digest));
