"""Which share of what arrives is held out. A document keeps the share that was in force when its file first arrived."""

from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.tokenize.settings import TokenizeSettings

ENOUGH_DOCUMENTS = 40  # held-out ones from which on the usual share will do: twice what the gate asks for
MOST_SHARE = 0.25  # of a small first night: the rest is what there is to learn from
DOCUMENT_BYTES = 4096  # of stored text, taken for one document where a file may hold many


def share_of_new(
    tokenize: TokenizeSettings, evaluate: EvaluateSettings, num_files: int, num_bytes: int, *, num_heldout: int
) -> float:
    """The share of `num_files` new files that is held out, when `num_heldout` documents are already.

    More than usual while the set is too small to judge on, so that a small corpus gets one; rounded up to a hundredth,
    so that there are few different shares in a workspace.
    """
    missing = min(ENOUGH_DOCUMENTS, evaluate.max_documents) - num_heldout
    expected = max(num_files, num_bytes // DOCUMENT_BYTES, 1)
    if missing <= 0:
        return tokenize.heldout_share
    wanted = -(-100 * missing // expected) / 100
    return max(tokenize.heldout_share, min(MOST_SHARE, wanted))
