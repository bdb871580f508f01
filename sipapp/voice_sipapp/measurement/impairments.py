"""What each codec takes off the rating: Ie without loss, and Bpl, how well it stands loss.

Where the figures come from, and what they are worth:

- **G.711** is the narrow-band reference: Ie = 0; Bpl = 25.1 with the concealment of its Appendix I and 4.3 without any
  (ITU-T G.113 (11/2007), Appendix I, random loss). Our receiver conceals.
- **G.722** at 64 kbit/s: Ie,wb = 13 (G.113 Appendix IV, table IV.1; Möller, Raake and others, "Impairment factor
  framework for wide-band speech codecs", IEEE TASLP 14(6), 2006), written down from memory of these texts and not
  confirmed against them: **provisional**. For its Bpl,wb no figure was found that could be checked. 4.9 is the one that
  table IV.4 gives for G.722.2 at 23.85 kbit/s, the codec there that stands loss best: **provisional** too. The newest
  edition, G.113 (09/2024) with Erratum 1 (01/2026), is reported (sipnab's wiki, "MOS and codecs") to hold EVS on the
  full-band scale and G.722.2's modes; neither is a codec of ours.
- **Opus** has no figures of ITU-T at all. Ie,wb = 18.1 and Bpl,wb = 18.7 (random loss) are those that M. Alahmadi,
  P. Pocta and H. Melvin derived from instrumental models ("An Adaptive Bitrate Switching Algorithm for Speech
  Applications in Context of WebRTC", ACM TOMM 17(4), 133, 2021; Opus_emodel.js) for wide-band Opus at 15 kbit/s, the
  highest bit rate that they give for that bandwidth: **provisional**, and a bound, for more bits sound better.

  Not their super-wideband figures, though these go up to 40 kbit/s: what we send is wide-band (RFC 6716, table 2), and
  the figures are G.107.2's, on the full-band scale (R up to 148), where wide-band speech without any codec has lost 19
  points already (G.113's bridge between the scales, as sipnab cites it). Their own figures for constant bit rates meet
  only so: 18.1 + 19 = 37.1 at 15 kbit/s wide-band, 36.9 at 16 kbit/s super-wideband. Around our bit rate they have
  20.2 (25 kbit/s) to 14.8 (34 kbit/s), which is 1.2 and less on the wide-band scale. See docs/measurement.md.

Everything that G.113's appendices hold is, in their own words, "provisional planning values". Only the scale
itself is normative: G.107 and its Annex B, G.107.1 and its Annex A.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Impairment:
    """A codec to the E-model: `ie` and `bpl` on the wide-band scale (G.107.1) if `wideband`, else G.107's."""

    ie: float
    bpl: float
    wideband: bool = False


G711 = Impairment(0.0, 25.1)
"""G.711 with packet loss concealment."""

G711_BARE = Impairment(0.0, 4.3)
"""G.711 that plays silence for what is missing."""

G722 = Impairment(13.0, 4.9, wideband=True)
OPUS = Impairment(18.1, 18.7, wideband=True)

CODECS = {"PCMA": G711, "PCMU": G711, "G722": G722, "opus": OPUS}
"""By the name in SDP. A codec that is not here can't be rated."""
