"""What each list of the form offers: the value that a recipe holds, and its words."""

from __future__ import annotations

from prunery.reports.language import Language

Options = tuple[tuple[str, str], ...]


def options(language: Language) -> dict[str, Options]:
    """Every list by the name of its field."""
    say = language.gettext
    yes_no = (("yes", say("yes")), ("no", say("no")))
    return {
        "labels": (
            ("integers", say("numbers of kinds")),
            ("one_hot", say("one column a kind")),
            ("multi_label", say("several kinds at once")),
            ("values", say("numbers to be met")),
        ),
        "scale": (
            ("auto", say("find out")),
            ("none", say("leave as they are")),
            ("0..1", "0 … 1"),
            ("-1..1", "−1 … 1"),
            ("caffe", say("mean colour taken off, blue first (VGG, ResNet50)")),
            ("torch", say("each colour by its mean and spread (DenseNet)")),
        ),
        "resize": (
            ("fit", say("squeeze to size")),
            ("crop", say("cut out the middle")),
        ),
        "granularity": (
            ("unit", say("whole units")),
            ("weight", say("single weights")),
            ("block", say("blocks of weights")),
            ("n:m", say("weights, so that N of every M stay")),
        ),
        "criterion": (
            ("magnitude", say("magnitude")),
            ("bias_displacement", say("bias displacement")),
            ("threshold", say("absolute threshold")),
            ("random", say("chance")),
            ("movement", say("movement")),
            ("taylor", "Taylor"),
            ("snip", "SNIP"),
            ("grasp", "GraSP"),
            ("synflow", "SynFlow"),
            ("fpgm", "FPGM"),
            ("apoz", "APoZ"),
            ("bn_scale", say("BatchNorm scale")),
        ),
        "norm": (
            ("l2", "L2"),
            ("l1", "L1"),
        ),
        "over": (
            ("in_out", say("what feeds a unit and what reads it")),
            ("in", say("what feeds a unit")),
        ),
        "scope": (
            ("global", say("all layers together")),
            ("layer", say("each layer alone")),
            ("sensitivity", say("by what each layer can lose")),
        ),
        "approximate": yes_no,
        "schedule": (
            ("adaptive", say("as large as the limit allows")),
            ("iterative", say("equal shares of what is left")),
            ("one_shot", say("each size at once from the whole model")),
            ("cubic", say("large steps first")),
        ),
        "early_bird": yes_no,
        "start": (
            ("auto", say("find out")),
            ("untrained", say("initial weights")),
            ("trained", say("a trained model")),
            ("reinitialize", say("weights to throw away")),
        ),
        "rewind": (
            ("auto", say("whatever suits")),
            ("initial", say("the initial weights")),
            ("step", say("an early step")),
            ("epoch", say("an early epoch")),
            ("learning_rate", say("where it stands, at the first learning rate")),
            ("none", say("where it stands")),
        ),
        "rescale": yes_no,
        "early_stopping": yes_no,
        "rate_schedule": (
            ("auto", say("try and keep the better")),
            ("from model", say("the model's own")),
            ("constant_ema", say("constant, with averaged weights")),
            ("linear", say("falling to zero")),
        ),
        "precision": (
            ("from model", say("the model's own")),
            ("float32", "float32"),
            ("mixed_float16", "mixed_float16"),
            ("mixed_bfloat16", "mixed_bfloat16"),
        ),
        "controls_on": (
            ("chosen", say("the size that is chosen")),
            ("every", say("every size")),
        ),
    }
