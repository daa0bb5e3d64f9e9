"""The text of a run, one corpus or several: split, tokenized and cut into batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil

from sim.errors import InputError
from sim.trace.file import RecordedCorpus
from sim.units.in_words import human_count

from ..config.run import TrainConfig
from .batches import Batches
from .corpus import Corpus, load_corpus
from .held_out import Split, shared, split_of
from .mixture import PERIOD, MixedBatches, shares_of
from .token_store import Share, tokenize
from .tokenizers import Tokenizer, load_tokenizer


@dataclass(frozen=True)
class Part:
    """One corpus of a run.

    Attributes:
      name: the corpus as the run names it.
      share: of the sequences of training [-].
      train, held_out: its two sides.
      fingerprint: hash of its text, the split and the tokenizer, hexadecimal: losses on it compare where it is equal.
    """

    name: str
    share: float
    train: Share
    held_out: Share
    fingerprint: str


@dataclass(frozen=True)
class Data:
    """The text of a run, ready to train on and to evaluate with.

    Attributes:
      batches: the training batches.
      parts: its corpora, at least one.
      tokenizer: the tokenizer of all.
      description: sources, sizes and tokenizer, in one line.
      fingerprint: hash of text, shares, split and tokenizer, hexadecimal. Hosts with different fingerprints, or a run
        that resumes with another one, would train on other batches.
    """

    batches: Batches | MixedBatches
    parts: tuple[Part, ...]
    tokenizer: Tokenizer
    description: str
    fingerprint: str


def load_data(config: TrainConfig) -> Data:
    """Finds the text of a run, splits and tokenizes it (cached by content) and cuts it into batches.

    Args:
      config: corpus, tokenizer, vocabulary, batch, seed and held-out fraction.

    Raises:
      InputError: the text is missing, wrong, or too small.
    """
    weights = {config.corpus: 1.0} if isinstance(config.corpus, str) else config.corpus
    counts = shares_of(weights)
    corpora = {name: load_corpus(name) for name in weights}
    _refuse_equal(corpora)
    split = shared([split_of(corpus, config.held_out) for corpus in corpora.values()])
    tokenizer = load_tokenizer(config.tokenizer, config.model.vocab, _together(list(corpora.values())), split)
    parts = tuple(_part(name, counts[name], corpus, tokenizer, split) for name, corpus in corpora.items())
    batches, epochs = _batches(config, counts, corpora, parts)
    words = [
        f"{corpora[part.name].source}: {_in_words(part.train)}, "
        + (f"{part.share:.2%} of the sequences, " if len(parts) > 1 else "")
        + f"{epochs[part.name]:.3g} epochs; held out: {_in_words(part.held_out)}"
        for part in parts
    ]
    return Data(
        batches,
        parts,
        tokenizer,
        "; ".join([*words, tokenizer.name, *(f"sha256 {corpus.digest[:12]}" for corpus in corpora.values())]),
        _of_all([(part.fingerprint, counts[part.name]) for part in parts]),
    )


def recorded_corpora(data: Data) -> tuple[RecordedCorpus, ...]:
    """The corpora of a mixture for the header of a trace; none of a run on one corpus."""
    if len(data.parts) == 1:
        return ()
    return tuple(
        RecordedCorpus(name=part.name, share=part.share, fingerprint=part.fingerprint[:16]) for part in data.parts
    )


def _part(name: str, count: int, corpus: Corpus, tokenizer: Tokenizer, split: Split) -> Part:
    text = tokenize(corpus, tokenizer, split)
    made_of = f"{corpus.digest} {split.fraction!r} {tokenizer.digest}"
    if len(split.firsts) > 1:
        made_of += f" {sorted(split.firsts)}"
    return Part(name, count / PERIOD, text.train, text.held_out, hashlib.sha256(made_of.encode()).hexdigest())


def _of_all(parts: Sequence[tuple[str, int]]) -> str:
    """The fingerprint of several corpora with their shares; of one it is its own."""
    if len(parts) == 1:
        return parts[0][0]
    return hashlib.sha256(" ".join(f"{fingerprint} {count}" for fingerprint, count in parts).encode()).hexdigest()


def _batches(
    config: TrainConfig, counts: dict[str, int], corpora: dict[str, Corpus], parts: Sequence[Part]
) -> tuple[Batches | MixedBatches, dict[str, float]]:
    """The batches of a run, and the epochs that it makes of each corpus."""
    trained = {part.name: part for part in parts if counts[part.name]}
    whole = config.devices * config.sequences
    alone = len(trained) == 1

    def stream(part: Part) -> Batches:
        return Batches(
            part.train.tokens,
            devices=config.devices if alone else 1,
            sequences=config.sequences if alone else ceil(part.share * whole),
            sequence_length=config.sequence_length,
            seed=config.seed,
            source=corpora[part.name].source,
        )

    streams = {name: stream(part) for name, part in trained.items()}
    read = config.steps * whole
    epochs = {
        part.name: part.share * read / streams[part.name].sequences_in_epoch if part.name in streams else 0.0
        for part in parts
    }
    if alone:
        return next(iter(streams.values())), epochs
    own = [counts[name] for name in streams]
    mixed = MixedBatches(
        list(streams.values()), own, devices=config.devices, sequences=config.sequences, seed=config.seed
    )
    return mixed, epochs


def _refuse_equal(corpora: dict[str, Corpus]) -> None:
    """Refuses two names of one text, which would count twice."""
    seen: dict[str, str] = {}
    for name, corpus in corpora.items():
        if corpus.digest in seen:
            raise InputError(
                f"--corpus {seen[corpus.digest]} and {name} are the same text; write it once, with the sum of both "
                "weights"
            )
        seen[corpus.digest] = name


def _together(corpora: Sequence[Corpus]) -> Corpus:
    """Several corpora as one, whatever their shares are: a tokenizer that is trained on it serves every mixture.

    The next document is always one of the corpus of which the fewest characters came before.
    """
    if len(corpora) == 1:
        return corpora[0]

    def documents() -> Iterator[str]:
        open_ones = [(corpus.documents(), [0]) for corpus in corpora]
        while open_ones:
            least = min(open_ones, key=lambda each: each[1][0])
            text = next(least[0], None)
            if text is None:
                open_ones.remove(least)
                continue
            least[1][0] += len(text)
            yield text

    digest = hashlib.sha256(" ".join(corpus.digest for corpus in corpora).encode()).hexdigest()
    return Corpus(
        " and ".join(corpus.source for corpus in corpora), digest, lambda first: islice(documents(), first, None)
    )


def _in_words(share: Share) -> str:
    return (
        f"{human_count(share.documents)} documents, {human_count(share.text_bytes)} bytes, "
        f"{human_count(len(share.tokens))} tokens"
    )
