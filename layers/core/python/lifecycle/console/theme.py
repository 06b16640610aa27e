"""The stylesheet of every widget, in CloudWatch's light and dark themes.

Every pair of text and background has a contrast of at least 4.5 (WCAG 2.2 AA; tests/unit/console checks it). A colour
is never alone: a word and a sign say the same.
"""

from enum import StrEnum

from lifecycle.application.queries.state_words import Tone
from lifecycle.console.html import Markup, stylesheet


class Theme(StrEnum):
    """The themes of CloudWatch."""

    LIGHT = "light"
    DARK = "dark"


SIGNS = {
    Tone.GOOD: "\u2714",
    Tone.BUSY: "\u25b6",
    Tone.WARN: "\u25b2",
    Tone.BAD: "\u2716",
    Tone.IDLE: "\u25cb",
}

PALETTES: dict[Theme, dict[str, str]] = {
    Theme.LIGHT: {
        "ink": "#16191f",
        "soft": "#4a5568",
        "ground": "#ffffff",
        "panel": "#f4f6f8",
        "rule": "#c3ccd5",
        "link": "#0b5cad",
        "button": "#0b5cad",
        "on-button": "#ffffff",
        "danger": "#a51d1d",
        "on-danger": "#ffffff",
        "good": "#17612c",
        "good-ground": "#e3f4e7",
        "busy": "#0b4f94",
        "busy-ground": "#e2eefa",
        "warn": "#7a4a00",
        "warn-ground": "#fdf0d5",
        "bad": "#98201b",
        "bad-ground": "#fbe6e4",
        "idle": "#4a5568",
        "idle-ground": "#eceff2",
    },
    Theme.DARK: {
        "ink": "#eef1f5",
        "soft": "#b4bfcc",
        "ground": "#0f1b2a",
        "panel": "#17263a",
        "rule": "#41536a",
        "link": "#8ec5ff",
        "button": "#8ec5ff",
        "on-button": "#0b1826",
        "danger": "#ff9d94",
        "on-danger": "#2b0a08",
        "good": "#8fe3a5",
        "good-ground": "#12341f",
        "busy": "#9bcbff",
        "busy-ground": "#12304f",
        "warn": "#ffcf80",
        "warn-ground": "#3d2b08",
        "bad": "#ffb0a8",
        "bad-ground": "#451815",
        "idle": "#b4bfcc",
        "idle-ground": "#22334a",
    },
}
# Text and background colours that meet in a rule below.
PAIRS = (
    *((ink, ground) for ink in ("ink", "soft", "link") for ground in ("ground", "panel")),
    ("on-button", "button"),
    ("on-danger", "danger"),
    ("warn", "ground"),
    *((tone, f"{tone}-ground") for tone in Tone),
    *((tone, ground) for tone in Tone for ground in ("ground", "panel")),
)

_RULES = """
.lc{color:var(--lc-ink);background:var(--lc-ground);font:14px/1.45 system-ui,"Amazon Ember",Arial,sans-serif;
padding:4px;overflow-wrap:anywhere;box-sizing:border-box}
.lc *{box-sizing:border-box}
.lc cwdb-action{display:none}
.lc h2{font-size:16px;margin:12px 0 6px;color:inherit}
.lc h3{font-size:14px;margin:8px 0 4px;color:inherit}
.lc p{margin:4px 0}
.lc .lc-soft,.lc small{color:var(--lc-soft);font-size:12px}
.lc .lc-row{display:flex;flex-wrap:wrap;gap:8px;align-items:stretch}
.lc .lc-bar{display:flex;flex-wrap:wrap;gap:8px;align-items:end;margin:0 0 8px}
.lc .lc-card{background:var(--lc-panel);border:1px solid var(--lc-rule);border-radius:6px;padding:8px;margin:0 0 8px;
min-width:0}
.lc .lc-step{flex:1 1 150px;min-width:140px;background:var(--lc-ground);border:1px solid var(--lc-rule);
border-radius:6px;padding:6px}
.lc .lc-tile{flex:1 1 170px;min-width:150px;max-width:280px;border:1px solid var(--lc-rule);border-left-width:5px;
border-radius:6px;padding:6px;background:var(--lc-ground)}
.lc .lc-figure{flex:1 1 150px;min-width:140px}
.lc .lc-figure strong{display:block;font-size:20px}
.lc .lc-scroll{overflow-x:auto;max-width:100%}
.lc table{border-collapse:collapse;width:100%;color:inherit;background:transparent}
.lc caption{text-align:left;font-weight:600;padding:4px 0}
.lc th,.lc td{text-align:left;vertical-align:top;padding:4px 8px;border-bottom:1px solid var(--lc-rule);color:inherit;
background:transparent;overflow-wrap:break-word}
.lc pre{margin:4px 0;padding:8px;max-height:240px;overflow:auto;background:var(--lc-ground);color:var(--lc-ink);
border:1px solid var(--lc-rule);border-radius:4px;font:12px/1.4 ui-monospace,Consolas,monospace;white-space:pre-wrap}
.lc label{display:inline-flex;flex-direction:column;font-size:12px;color:var(--lc-soft);max-width:100%}
.lc select,.lc textarea{font:inherit;color:var(--lc-ink);background:var(--lc-ground);border:1px solid var(--lc-soft);
border-radius:4px;padding:4px;max-width:100%}
.lc textarea{width:320px}
.lc button.btn{font:inherit;font-weight:600;color:var(--lc-link);background:var(--lc-ground);border:1px solid
var(--lc-link);border-radius:4px;padding:4px 10px;margin:2px 0;min-height:28px;cursor:pointer;white-space:normal}
.lc button.btn:disabled{color:var(--lc-soft);border:1px dashed var(--lc-soft);cursor:not-allowed;font-weight:400}
.lc button.btn-primary{color:var(--lc-on-button);background:var(--lc-button);border-color:var(--lc-button)}
.lc button.lc-link{font:inherit;font-weight:600;color:var(--lc-link);background:transparent;border:0;padding:2px 0;
text-align:left;cursor:pointer;min-height:24px}
.lc .lc-matrix td,.lc .lc-matrix th{padding:2px 6px;font-size:13px;overflow-wrap:anywhere}
.lc .lc-matrix td:last-child:not(:only-child){min-width:0}
.lc .lc-matrix .lc-badge{white-space:normal}
.lc .lc-matrix .lc-first{border-left:1px solid var(--lc-rule)}
.lc button.lc-danger{color:var(--lc-on-danger);background:var(--lc-danger);border-color:var(--lc-danger)}
.lc .lc-record dl{display:grid;grid-template-columns:minmax(72px,auto) 1fr;gap:2px 10px;margin:0}
.lc .lc-record dt{color:var(--lc-soft);font-size:12px}
.lc .lc-record dd{margin:0;min-width:0}
.lc td:last-child:not(:only-child){min-width:200px}
.lc button.lc-abort{color:var(--lc-warn);border:2px solid var(--lc-warn)}
.lc .lc-answer{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:center;padding:2px 0}
.lc .lc-answer>:first-child{flex:0 0 110px;text-align:left}
.lc .lc-answer>span{flex:1 1 240px;min-width:0}
.lc .lc-apart{margin-top:8px;padding-top:6px;border-top:1px solid var(--lc-rule)}
.lc button:focus-visible,.lc select:focus-visible,.lc textarea:focus-visible,.lc summary:focus-visible{
outline:3px solid var(--lc-link);outline-offset:2px}
.lc summary{cursor:pointer;color:var(--lc-link)}
.lc .lc-badge{display:inline-block;border-radius:10px;padding:0 8px;font-size:12px;font-weight:600;
white-space:nowrap;max-width:100%;overflow:hidden;text-overflow:ellipsis;vertical-align:bottom}
.lc svg{max-width:100%;height:auto;display:block}
.lc svg.lc-key{display:inline-block;vertical-align:middle}
.lc svg text{fill:var(--lc-ink);font:12px system-ui,Arial,sans-serif}
.lc svg text.lc-soft{fill:var(--lc-soft)}
.lc .lc-axis{stroke:var(--lc-rule)}
.lc .lc-bed{stroke:var(--lc-busy);fill:none}
.lc .lc-control{stroke:var(--lc-warn);fill:none}
.lc .lc-bed-dot{fill:var(--lc-busy)}
"""


def _tones() -> str:
    rules = []
    for tone in Tone:
        colours = f"color:var(--lc-{tone});background:var(--lc-{tone}-ground)"
        rules.append(f".lc .lc-badge.lc-{tone}{{{colours}}}")
        rules.append(f".lc .lc-tile.lc-{tone}{{border-left-color:var(--lc-{tone})}}")
        rules.append(f".lc svg .lc-fill-{tone}{{fill:var(--lc-{tone})}}")
    return "".join(rules)


def sheet(theme: Theme) -> Markup:
    """Return the stylesheet of one theme; widgets share a page, so each sets its own colours."""
    colours = ";".join(f"--lc-{name}:{value}" for name, value in PALETTES[theme].items())
    return stylesheet(f".lc.lc-{theme}{{{colours}}}{_RULES}{_tones()}")
