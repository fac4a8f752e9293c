"""What shall go: criteria score, scopes and granularities select, schedules say how much.

context      what a criterion may look at
criteria     score of every weight (`score(model, batch) -> {key: array}`)
gradients    the criteria that need a batch and a loss
units        score of every unit of a group, and the counts kept under a width plan
selection    weights that go, exact to one, over a layer or over all
structured   blocks, and n of every m
schedules    the share that goes in round k
"""
