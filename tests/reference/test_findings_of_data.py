"""The exact findings of a fit to each reference data set, each with its reason.

Those of the certified problems and of other suites stand in test_nist.py and test_peers.py.

A finding that appears or goes away here was either won or lost: look at the rows before changing a list.
"""

from __future__ import annotations

import json

import polars as pl
import pytest
from outcomes import codes

import scaling_fast as sf

SIZE_AND_DATA = {"N": "params", "D": "tokens"}

# Digitised from a figure: the first rows are read off its edge, and rows of one curve share its calibration. A
# log-quadratic surface fits them better by far, and budgets show a bend.
DIGITISED = ["outliers", "autocorrelated", "lack_of_fit"]

GEMSTONES = {
    # Ten checkpoints of each of 20 and 22 runs; small D alone shows beta, and after 100 billion tokens many do.
    "cool_begin": ["checkpoints", "weak"],
    # The four checkpoints of the last run lie 5 standard deviations off.
    "hot": ["checkpoints", "weak", "outliers"],
    "hot_100b+": ["checkpoints"],
}

# Interpolated from checkpoints at fixed budgets, so that rows of one size go together; Kaplan's recipes are far
# from tuned at small sizes, which no sum of powers follows, and from there some rows stand out.
PORIAN = {
    ("summary_df", "long", "kaplan", "kaplan"): [
        "weak",
        "outliers",
        "autocorrelated",
        "lack_of_fit",
    ],
    ("summary_df", "long", "kaplan", "standard"): [
        "weak",
        "outliers",
        "autocorrelated",
        "lack_of_fit",
    ],
    ("summary_df", "short", "kaplan", "standard"): ["weak", "autocorrelated", "lack_of_fit"],
    ("summary_df", "short", "chinchilla", "standard"): ["outliers", "lack_of_fit"],
    ("summary_df", "short", "const", "standard"): ["weak", "autocorrelated", "lack_of_fit"],
    ("summary_df_att", "long", "kaplan", "attention"): [
        "weak",
        "outliers",
        "autocorrelated",
        "lack_of_fit",
    ],
    ("summary_df_att", "short", "kaplan", "attention"): [
        "outliers",
        "autocorrelated",
        "lack_of_fit",
    ],
    ("summary_df_att", "short", "chinchilla", "attention"): ["weak", "outliers", "lack_of_fit"],
    ("summary_df_att", "short", "const", "attention"): ["weak", "autocorrelated", "lack_of_fit"],
    ("summary_df_kaplan_tuned_hparams", "long", "const", "kaplan"): [
        "weak",
        "autocorrelated",
        "lack_of_fit",
    ],
}

CURVES = {
    # Evaluations along one run of image classification: hundreds, so that a slow drift shows; the first and one in
    # the middle stand off.
    ("bird_10", "MiX/B/16"): ["outliers", "autocorrelated", "lack_of_fit"],
    ("c_10", "MiX/B/16"): ["outliers", "autocorrelated", "lack_of_fit"],
    # Ten or so separate runs of translation.
    ("log_perplexity", "6 Enc, 6 Dec"): ["weak", "autocorrelated"],
    ("log_perplexity", "28 Enc, 6 Dec"): ["weak"],
    ("log_perplexity", "6 Enc, 28 Dec"): ["weak"],
    ("log_perplexity", "Dec-only"): [],
    ("log_perplexity", "TEnc-LSTM"): [],
    # Benchmarks along the training of one model: neighbours share their weights, and several curves turn.
    ("('date', '1-shot')", "262M"): ["outliers", "autocorrelated", "lack_of_fit"],
    ("('date', '2-shot')", "262M"): ["autocorrelated", "lack_of_fit"],
    ("('ling', '1-shot')", "262M"): ["weak", "autocorrelated", "lack_of_fit"],
    ("('ling', '2-shot')", "262M"): ["weak", "outliers", "autocorrelated"],
    # Hardly any fall: the floor ends at 0.
    ("('qa', '1-shot')", "262M"): ["design", "at_bound", "weak"],
    ("('qa', '2-shot')", "262M"): ["design", "at_bound", "weak"],
    ("('mult', '1-shot')", "262M"): ["design", "weak", "autocorrelated", "lack_of_fit"],
    ("('mult', '2-shot')", "262M"): ["weak", "autocorrelated", "lack_of_fit"],
    ("('unit', '1-shot')", "262M"): ["outliers", "autocorrelated", "lack_of_fit"],
    ("('unit', '2-shot')", "262M"): ["design", "weak", "outliers", "autocorrelated"],
}

ISOFLOPS = {
    # Each row stands there twice, as a loss and as its exponential: two experiments in one file.
    ("llama_3", "llama_3"): ["level_optimum", "replicates_disagree", "weak", "delta_narrow"],
    # One surface does not follow all budgets of any of the three corpora.
    ("marin_202603", "comma"): ["lack_of_fit"],
    ("marin_202603", "dclm"): ["outliers", "lack_of_fit"],
    ("marin_202603", "nemotron"): ["autocorrelated", "lack_of_fit"],
}


@pytest.fixture
def table(reference):
    return lambda name: pl.read_csv(reference(name))


@pytest.mark.parametrize("rows", [240, 245])
def test_chinchilla(table, rows):
    runs = table("chinchilla_epoch.csv")
    kept = runs.filter(pl.col("keep_240") == 1) if rows == 240 else runs
    fit = sf.fit(kept, "chinchilla", columns=SIZE_AND_DATA)
    assert codes(fit) == DIGITISED
    assert fit.n == rows


@pytest.mark.parametrize("subset", GEMSTONES)
def test_gemstones(table, subset):
    runs = table("gemstone_points.csv").filter(pl.col("subset") == subset)
    assert codes(sf.fit(runs, "chinchilla", columns=SIZE_AND_DATA)) == GEMSTONES[subset]


@pytest.mark.parametrize("recipe", PORIAN, ids=lambda recipe: " ".join(recipe))
def test_porian(table, recipe):
    named = zip(("file", "warmup", "decay", "param_count"), recipe, strict=True)
    runs = table("porian_isoflop_points.csv").filter(
        *(pl.col(name) == value for name, value in named)
    )
    assert codes(sf.fit(runs, "chinchilla", columns=SIZE_AND_DATA)) == PORIAN[recipe]


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: " ".join(curve))
def test_curves_of_alabdulmohsin(table, curve):
    rows = table("alabdulmohsin_curves.csv").filter(
        pl.col("task") == curve[0], pl.col("model") == curve[1]
    )
    fit = sf.fit(rows, "power_offset", columns={"x": "seen_examples"})
    assert codes(fit) == CURVES[curve]


@pytest.mark.parametrize("source", ISOFLOPS, ids=lambda source: " ".join(source))
def test_isoflops_of_llama_and_three_corpora(table, source):
    runs = table("isoflops_llama3.csv").filter(
        pl.col("source") == source[0], pl.col("dataset") == source[1]
    )
    assert codes(sf.fit(runs, "chinchilla", columns=SIZE_AND_DATA)) == ISOFLOPS[source]


def test_one_sharp_break_of_fourteen_rows(table):
    """The end of the curve, at which its floor would show, is held out."""
    rows = table("bnsl_4digit_addition.csv").filter(pl.col("training") == 1)
    law = sf.laws.bnsl(breaks=1)
    fit = sf.fit(rows, law, columns={"x": "train_examples"}, target="test_cross_entropy")
    assert codes(fit) == ["weak"]


def test_cerebras():
    """Seven models, all at 20 tokens per parameter: a floor that nothing shows, and one ray of N and D."""
    runs = sf.datasets.load("cerebras2023")
    assert codes(sf.fit(runs, "E + A*C**(-alpha)", columns={"C": "flops"})) == ["weak"]
    both = codes(sf.fit(runs, "chinchilla", columns=SIZE_AND_DATA))
    assert both == ["unbounded", *["design"] * 4, "at_bound", "ill_conditioned", "collinear"]


def test_optimal_pairs_of_porian(table):
    pairs = table("porian_optimal_pairs.csv").filter(
        pl.col("file") == "summary_df", pl.col("warmup") == "short", pl.col("decay") == "const"
    )
    assert codes(sf.fit(pairs.drop_nulls("n_star"), "n_star ~ k*flops**a")) == []


def test_time_horizons(table):
    """The pace changed in 2023: one line of the logarithm does not follow both halves."""
    rows = table("metr_horizons.csv").filter(pl.col("is_sota") == 1)
    years = pl.col("release_date").str.to_date().cast(pl.Int32) / 365.25
    fit = sf.fit(rows.with_columns(t=years), "log2(p50_minutes) ~ a + b*t")
    assert codes(fit) == ["autocorrelated", "lack_of_fit", "delta_narrow"]


def test_benchmarks_of_base_models(table):
    """Models of one family go together, and scores bend away from chance; names tell the units of the columns."""
    rows = table("obs_scaling_base_llms.csv").drop_nulls(["mmlu", "params_b", "tokens_t"])
    law = "mmlu ~ a + b*log(params_b) + c*log(tokens_t)"
    fit = sf.fit(rows, law, residual="raw", loss=sf.Squared())
    assert codes(fit) == ["autocorrelated", "lack_of_fit"]


def test_emergent_tasks(table):
    """A few families leave chance much earlier than the others."""
    both = table("obs_scaling_emergent.csv").join(table("obs_scaling_base_llms.csv"), on="model")
    law = "word_unscrambling_2_exact_match ~ a/(1 + exp(-k*(log(flops_1e21) - m)))"
    fit = sf.fit(both.drop_nulls("flops_1e21"), law, residual="raw", loss=sf.Squared())
    assert codes(fit) == ["outliers"]


def test_a_leaderboard(table):
    """Some models were submitted several times; models of one base go together, and small ones are tuned most."""
    rows = table("open_llm_leaderboard_v1.csv").filter(pl.col("params_b") > 0)
    law = "average_score ~ a + b*log(params_b)"
    fit = sf.fit(rows, law, residual="raw", loss=sf.Squared())
    assert codes(fit) == ["duplicates", "autocorrelated", "lack_of_fit"]


def test_notable_models(table):
    """Sizes of one release share date and compute; the pace changed; two models are far below their time."""
    rows = table("epoch_notable_models.csv").drop_nulls("training_flop")
    years = pl.col("publication_date").str.to_date().cast(pl.Int32) / 365.25
    fit = sf.fit(rows.with_columns(t=years), "log10(training_flop) ~ a + b*t", loss=sf.Squared())
    assert codes(fit) == ["duplicates", "outliers", "autocorrelated", "lack_of_fit"]


def test_rows_of_the_bootstrap_fixture(reference):
    fixture = json.loads(reference("bootstrap_ci_fixture.json").read_text())
    rows = {"x": fixture["x"], "y": fixture["y"]}
    fit = sf.fit(rows, f"y ~ {fixture['model']}", loss=sf.Squared(), residual="raw")
    assert codes(fit) == []
