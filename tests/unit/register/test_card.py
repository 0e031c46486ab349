"""The model card."""

from typing import Any

from pipeline_lib.model.records import Scores, Slice, VariantReport
from pipeline_lib.register.card import Facts, FunnelRow, Origin, model_card

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "vocab_size": 320,
    "max_position_embeddings": 64,
}


def scores(candidate: str, benchmark: str, bits_per_byte: float, **more: Any) -> Scores:
    return Scores(candidate=candidate, benchmark=benchmark, generation=1, bits_per_byte=bits_per_byte, **more)


def card_of(**facts: Any) -> str:
    given = {"funnel": [], "training": {}, "scores": [], "variants": [], **facts}
    return model_card("demo", Origin("f" * 32, "5" * 32, "7" * 32, "8" * 32, "rev1"), Facts(config=CONFIG, **given))


def test_the_card_names_origin_funnel_scores_variants_and_limits() -> None:
    card = card_of(
        funnel=[FunnelRow("clean", 10, 7, {"too_few_words": 2, "wrong_language": 1, "unused": 0})],
        training={"num_steps": 240, "final_loss": 3.25},
        scores=[
            scores("challenger", "frozen", 2.123456789, slices=(Slice("language", "zh", 3, 90, 1.5),)),
            scores("small.v1", "frozen", 2.2),
            scores("challenger", "fresh", 2.5, slices=(Slice("source", "news", 2, 50, None),)),
        ],
        variants=[VariantReport(scheme="small.v1", backend="onnx", quantized_share=0.99)],
    )
    assert "LlamaForCausalLM: 2 layers, width 32, vocabulary 320, context 64 tokens" in card
    assert f"| snapshot of the data | `{'5' * 32}` |" in card
    assert "| clean | 10 | 7 | too_few_words 2, wrong_language 1 |" in card
    assert "## Scores on held-out text (frozen-1)\n\n| figure | model | small.v1 |\n|---|---|---|\n" in card
    assert "| bits_per_byte | 2.12346 | 2.2 |" in card
    assert "| frozen-1 | language zh | 3 | 1.5 |" in card
    assert "| fresh-1 | source news | 2 |  |" in card
    assert "## Variant small.v1 (variants/small.v1/)" in card
    assert "| quantized_share | 0.99 |" in card
    assert "| num_steps | 240 |" in card
    assert "## Limits" in card


def test_a_card_without_variants_has_no_table_of_them() -> None:
    card = card_of(scores=[scores("challenger", "frozen", 2.0)])
    assert "## Variant" not in card
    assert "## Data" not in card
    assert "## By source" not in card
    assert "| bits_per_byte | 2 |" in card


def test_a_card_without_scores_is_still_a_card() -> None:
    assert "Scores on" not in card_of()
