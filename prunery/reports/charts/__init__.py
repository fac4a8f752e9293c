"""Charts as SVG text: own functions, classes instead of colours, a sentence for the finding.

Every chart is drawn twice, 960 and 340 wide; the stylesheet shows one, so that text stays legible.
"""
