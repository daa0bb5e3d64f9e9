import math

import numpy as np
import pytest

from sim.errors import InputError
from trainer.data.tokenizers import ByteTokenizer
from trainer.evaluation.question_sets import Question
from trainer.evaluation.zero_shot import choice_log_likelihoods, score

BYTES = ByteTokenizer()
QUESTIONS = [
    Question("The river runs", ("under the bridge.", "on a plate.", "of rain and of letters, all day."), 0),
    Question("Question: What is wet?\nAnswer:", ("sand", "rain"), 1),
    Question("A boat waits for the", ("tide.", "paint that a clock has sung.", "a", "é漢"), 3),
    Question("Stone", ("falls", "sings"), 0),
]


def texts_of(tokens_BxL):
    """Texts of rows, without the end of document before them and the padding behind."""
    return [BYTES.decode(row) for row in tokens_BxL]


def knowing(answers):
    """A model that is certain of the right choices and finds each byte of another one less likely."""
    right = {f"{q.context} {q.choices[answer]}" for q, answer in zip(QUESTIONS, answers, strict=True)}

    def log_probs(tokens_BxL):
        shape = (len(tokens_BxL), tokens_BxL.shape[1] - 1)
        return np.where([[text in right] for text in texts_of(tokens_BxL)], np.zeros(shape), -np.ones(shape))

    return log_probs


def uniform(tokens_BxL):
    return np.full((len(tokens_BxL), tokens_BxL.shape[1] - 1), -math.log(257))


def answered(log_probs, questions=QUESTIONS, **changes):
    return score(log_probs, BYTES, questions, **{"sequence_length": 128, **changes})


def test_a_model_that_knows_the_answers():
    found = answered(knowing([q.answer for q in QUESTIONS]))
    assert (found.accuracy, found.normalized_accuracy) == (1, 1)
    assert (found.accuracy_error, found.normalized_accuracy_error) == (0, 0)
    assert found.questions == 4
    assert found.chance == pytest.approx((1 / 3 + 1 / 2 + 1 / 4 + 1 / 2) / 4)
    wrong = answered(knowing([1, 0, 0, 1]))
    assert (wrong.accuracy, wrong.normalized_accuracy) == (0, 0)
    half = answered(knowing([0, 1, 0, 1]))
    assert (half.accuracy, half.normalized_accuracy) == (0.5, 0.5)
    assert half.accuracy_error == pytest.approx(math.sqrt(0.5 * 0.5 / 3))  # two right of four


def test_a_uniform_model_shares_the_points_of_ties():
    even = [Question("c", ("aaaa", "bbbb", "dddd"), i % 3) for i in range(5)]
    found = answered(uniform, even)
    assert found.accuracy == pytest.approx(found.chance) == pytest.approx(1 / 3)
    assert found.normalized_accuracy == pytest.approx(1 / 3)
    assert found.accuracy_error == pytest.approx(0)
    partly = [Question("c", ("aaaaaa", "bb", "dd"), 1), Question("c", ("aaaaaa", "bb", "dd"), 0)]
    assert answered(uniform, partly).accuracy == pytest.approx((1 / 2 + 0) / 2)  # the shortest is likeliest


def test_length_is_taken_out_in_bytes():
    """Bytes at -1 in the long choice and -2 in the short one: in sum the short one is likelier, by byte the long one."""
    question = Question("c", ("long" * 5, "no"), 0)

    def log_probs(tokens_BxL):
        per_byte = np.array([[-1.0 if "long" in text else -2.0] for text in texts_of(tokens_BxL)])
        return np.repeat(per_byte, tokens_BxL.shape[1] - 1, axis=1)

    found = answered(log_probs, [question])
    assert (found.accuracy, found.normalized_accuracy) == (0, 1)
    # é takes two bytes: 3 tokens over 2 bytes against 3 tokens over 2; were it one character it would lose
    accent = answered(lambda tokens: -np.ones((len(tokens), tokens.shape[1] - 1)), [Question("c", ("é", "ab"), 0)])
    assert accent.normalized_accuracy == 0.5


def recursive(tokens_BxL):
    """A made-up causal model: each log-probability hangs on the token and on all tokens before it."""
    state = np.zeros(len(tokens_BxL))
    found = []
    for before, token in zip(tokens_BxL.T[:-1], tokens_BxL.T[1:], strict=True):
        state = (0.7 * state + before * 0.37) % 5.0
        found.append(-((state + token * 0.11) % 3.0))
    return np.stack(found, axis=1)


def brute_force(question, choice, length):
    """Token by token, a row at a time, nothing padded."""
    ids = [256, *f"{question.context} {choice}".encode()]
    count = len(f" {choice}".encode())
    piece = count if count <= length else length // 2
    total = 0.0
    for begin in range(len(ids) - count, len(ids), piece):
        end = min(begin + piece, len(ids))
        seen = ids[max(0, end - length - 1) : end]
        total += sum(recursive(np.array([seen]))[0][-(end - begin) :])
    return total


@pytest.mark.parametrize("length", [128, 40, 33, 12, 11, 5])
@pytest.mark.parametrize("batch_tokens", [1, 300, 4096])
def test_batches_and_padding_change_nothing(length, batch_tokens):
    found, truncated = choice_log_likelihoods(
        recursive, BYTES, QUESTIONS, sequence_length=length, batch_tokens=batch_tokens
    )
    pairs = [(question, choice) for question in QUESTIONS for choice in question.choices]
    np.testing.assert_allclose(found, [brute_force(*pair, length) for pair in pairs], rtol=1e-12)
    assert truncated == sum(1 + len(f"{q.context} {choice}".encode()) > length + 1 for q, choice in pairs)


def test_a_whole_set_needs_a_handful_of_shapes():
    shapes = set()

    def log_probs(tokens_BxL):
        shapes.add(tokens_BxL.shape)
        return uniform(tokens_BxL)

    questions = [Question("c" * (1 + i * 3), ("a" * (1 + i % 17), "b"), 0) for i in range(300)]
    answered(log_probs, questions, sequence_length=256, batch_tokens=1024)
    assert shapes == {(32, 33), (16, 65), (8, 129), (4, 257)}


class Pairs:
    """Two characters a token, so that a token may lie across the border of context and choice."""

    size = 2**16
    end_of_document = 2**16 - 1
    name = digest = "pairs"

    def encode(self, texts):
        for text in texts:
            yield np.array([sum(text[i : i + 2].encode()) for i in range(0, len(text), 2)], np.uint32)

    def decode(self, tokens):
        raise NotImplementedError


def test_a_token_across_the_border_is_the_choices():
    found, _ = choice_log_likelihoods(
        lambda tokens: -np.ones((len(tokens), tokens.shape[1] - 1)),
        Pairs(),
        [Question("ab", ("xyz", "pq"), 0), Question("abc", ("xyz", "pq"), 0)],
        sequence_length=32,
    )
    assert found.tolist() == [-2, -2, -3, -2]  # "ab| x|yz", "ab| p|q", "ab|c |xy|z", "ab|c |pq"


def test_parameters_that_are_no_numbers():
    with pytest.raises(InputError, match="its training diverged"):
        answered(lambda tokens: uniform(tokens) * np.nan)
