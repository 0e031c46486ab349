"""Typing noise."""

import itertools

from pipeline_lib.evaluate.noise import disturb


def test_the_same_seed_gives_the_same_noise_and_another_seed_other_noise() -> None:
    text = "夜班读取新的文档。The night shift reads new documents. " * 20
    assert disturb(text, share=0.05, seed="0:a") == disturb(text, share=0.05, seed="0:a")
    assert disturb(text, share=0.05, seed="0:a") != disturb(text, share=0.05, seed="0:b")


def test_about_the_asked_share_of_characters_is_disturbed_in_every_script() -> None:
    for text in ("abcdefghij" * 1000, "夜班读取新的文档然后" * 1000):
        noisy = disturb(text, share=0.05, seed="0")
        # A third of the events leaves a character out, a third doubles one: the lengths nearly cancel out.
        assert 0.98 < len(noisy) / len(text) < 1.02
        doubled = sum(a == b for a, b in itertools.pairwise(noisy))
        assert 100 < doubled < 240  # 10,000 x .05 / 3 = 167


def test_no_character_is_invented() -> None:
    assert set(disturb("好abc", share=0.9, seed="1")) <= set("好abc")


def test_an_empty_text_stays_empty() -> None:
    assert disturb("", share=0.5, seed="0") == ""
