"""The lottery: train dense, then prune, rewind and retrain, level by level; choose; compare.

bench      all that stays the same from level to level
start      trained or untrained, and how inputs are scaled
trainer    named trainings that a later attempt does not repeat
levels     finished levels on disk
dense      level 0
rewinding  where a round's training starts
rounds     one round at unit, and one at weight granularity
ladder     the rounds, until the answer is known
objectives when that is
controls   rivals of the chosen level
"""
