"""The lottery: train dense, then prune, rewind and retrain, level by level; choose; compare.

bench      all that stays the same from level to level
settling   from a spec to a bench: tasks, losses, lengths, scale and start, each with its why
trainer    named trainings that a later attempt does not repeat
levels     finished levels on disk
dense      level 0
rewinding  where a round's training starts
cutting    what a round removes, at unit and at weight granularity
rounds     one round: cut, rewind, retrain, keep the better arm
ladder     the rounds, until the answer is known
objectives when that is
controls   rivals of the chosen level
results    what a job comes to: proven, tested once, written down
"""
