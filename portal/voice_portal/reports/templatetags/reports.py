"""Figures as people read them, as filters."""

from django import template

from voice_portal.reports import figuretext

register = template.Library()

FILTERS = (
    figuretext.share, figuretext.span, figuretext.mos, figuretext.moment, figuretext.milliseconds, figuretext.count,
)  # fmt: skip
for _filter in FILTERS:
    register.filter(_filter.__name__, _filter)
