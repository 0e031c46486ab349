"""The model card."""

from pipeline_lib.register.card import FunnelRow, Lineage, model_card

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "vocab_size": 320,
    "max_position_embeddings": 64,
}


def test_the_card_names_origin_funnel_scores_and_limits() -> None:
    card = model_card(
        "demo",
        Lineage("f" * 32, "5" * 32, "7" * 32, "rev1"),
        config=CONFIG,
        funnel=[FunnelRow("clean", 10, 7, {"too_few_words": 2, "wrong_language": 1, "unused": 0})],
        training={"num_steps": 240, "final_loss": 3.25, "curve": [1, 2, 3]},
        scores={"bits_per_byte": 2.123456789, "word_perplexity": None},
        quantized_scores={"bits_per_byte": 2.2},
        quantization={"quantized_share": 0.99},
    )
    assert "LlamaForCausalLM: 2 layers, width 32, vocabulary 320, context 64 tokens" in card
    assert f"| snapshot of the data | `{'5' * 32}` |" in card
    assert "| clean | 10 | 7 | too_few_words 2, wrong_language 1 |" in card
    assert "| bits_per_byte | 2.12346 | 2.2 |" in card
    assert "| quantized_share | 0.99 |" in card
    assert "| num_steps | 240 |" in card
    assert "curve" not in card
    assert "## Limits" in card


def test_a_card_without_int8_has_no_table_of_it() -> None:
    card = model_card(
        "demo",
        Lineage("f", "5", "7", "r"),
        config=CONFIG,
        funnel=[],
        training={},
        scores={"bits_per_byte": 2.0},
        quantized_scores=None,
        quantization=None,
    )
    assert "Int8 variant" not in card
    assert "## Data" not in card
    assert "| bits_per_byte | 2 |  |" in card
