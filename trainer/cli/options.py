"""The options of `record-trace`: those of `Training` are the fields of a training configuration.

A field without an option comes from the file of `--config`, else from the recipe. `--help` shows the options that most
runs need, `--help-all` all of them; `--set` sets any field as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sim.laws.model_family import FAMILY, VOCAB

Whole = int | None
Number = float | None
Word = str | None
_rare = partial(typer.Option, hidden=True)


def _help_all(context: typer.Context, wanted: bool) -> None:
    if wanted:
        for parameter in context.command.params:
            parameter.hidden = False  # type: ignore[attr-defined]
        typer.echo(context.get_help())
        raise typer.Exit


Output = Annotated[Path, typer.Option(help="The trace file to write; the ending .gz compresses it.")]
Config = Annotated[Path | None, typer.Option(help="A YAML file with the fields of a run; options override it.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any field of --config, such as learning_rate=4e-3; repeat.", metavar="KEY=VALUE"),
]
HelpAll = Annotated[
    bool,
    typer.Option("--help-all", help="Show all options: each field has one.", callback=_help_all, is_eager=True),
]


@dataclass(frozen=True)
class Training:
    """The fields of a training configuration."""

    algorithm: Annotated[
        Word,
        typer.Option(
            help="data-parallel, diloco, or streaming-, eager-, gossip-, two-level- or decoupled-diloco, or sparseloco."
        ),
    ] = None
    steps: Annotated[Whole, typer.Option(help="Inner steps to train [default: for 20 tokens a parameter].")] = None
    overtraining: Annotated[Number, _rare(help="Multiple of 20 tokens a parameter, instead of --steps.")] = None
    model: Annotated[Word, typer.Option(help=f"A model of the family: {', '.join(FAMILY)}.")] = None
    layers: Annotated[Whole, _rare(help="Layers of a model of your own.")] = None
    width: Annotated[Whole, _rare(help="Its model dimension.")] = None
    heads: Annotated[Whole, _rare(help="Its attention heads.")] = None
    hidden: Annotated[Whole, _rare(help="Its feed-forward dimension [default: 4 x width].")] = None
    vocab: Annotated[Whole, _rare(help=f"Its vocabulary [default: {VOCAB}, or 257 with bytes].")] = None
    replicas: Annotated[Whole, typer.Option(help="DiLoCo replicas [default: 2; 1 for data-parallel].")] = None
    sync_every: Annotated[
        Whole, typer.Option(help="Inner steps between two outer steps, H [default: 30; decoupled-diloco 24].")
    ] = None
    fragments: Annotated[
        Whole, _rare(help="Fragments of streaming- and decoupled-diloco [default: one for each 3 layers].")
    ] = None
    pattern: Annotated[Word, _rare(help="Layers of a fragment: strided or sequential [default: strided].")] = None
    overlap_steps: Annotated[
        Whole, _rare(help="Inner steps during which an exchange may run [default: 1; decoupled-diloco 2].")
    ] = None
    mixing: Annotated[
        Number, _rare(help="Share of local parameters kept at an exchange [default: 0.5 with overlap, else 0].")
    ] = None
    chunk: Annotated[Whole, _rare(help="Parameters of a chunk of sparseloco [default: 4096].")] = None
    top: Annotated[Whole, _rare(help="Values of a chunk that sparseloco sends [default: 64].")] = None
    feedback_decay: Annotated[
        Number, _rare(help="Share of what was not sent that sparseloco keeps for the next exchange [default: 0.95].")
    ] = None
    pull: Annotated[
        Number, _rare(help="Rate that draws partners of gossip-diloco together [default: the outer learning rate].")
    ] = None
    regions: Annotated[Whole, _rare(help="Regions of two-level-diloco [default: 2].")] = None
    across_every: Annotated[
        Whole, _rare(help="Which exchanges of two-level-diloco are among all: every K-th [default: 4].")
    ] = None
    quorum: Annotated[Whole, _rare(help="Learners that a merge of decoupled-diloco needs [default: 1].")] = None
    paces: Annotated[
        Word, _rare(help="Relative paces of the learners of decoupled-diloco, as 1,1,1,0.5 [default: all alike].")
    ] = None
    payload_bits: Annotated[
        Whole,
        _rare(help="Bits of a value in an outer exchange: 32, 16, 8, 4 [default: 16; 32 in float32; sparseloco 2]."),
    ] = None
    error_feedback: Annotated[
        bool | None, _rare("--error-feedback", help="Add the rounding error of an exchange to the next exchange.")
    ] = None
    devices_per_replica: Annotated[
        Whole, typer.Option(help="Data-parallel devices in a replica [default: 1; with --target an even share].")
    ] = None
    replicas_per_device: Annotated[
        Whole, _rare(help="Replicas that share a device and take turns on it [default: 1].")
    ] = None
    shards: Annotated[Whole, _rare(help="Devices over which each copy of the model is sharded [default: 1].")] = None
    fully_sharded: Annotated[
        bool | None,
        _rare("--fully-sharded", help="Keep parameters, gradients and optimizer state in parts, one on each device."),
    ] = None
    sequence_length: Annotated[Whole, _rare(help="Tokens in a sequence [default: 2048; 256 for your own model].")] = (
        None
    )
    sequences: Annotated[Whole, _rare(help="Sequences of each device in a step [default: the fitted batch].")] = None
    microbatches: Annotated[
        Whole,
        _rare(help="Microbatches of a device in a step [default: the fewest of up to 16384 tokens, 4096 on a CPU]."),
    ] = None
    remat: Annotated[
        Word, _rare(help="Recompute in the backward pass to save memory: none, dots or layer [default: none].")
    ] = None
    attention: Annotated[
        Word, _rare(help="xla, cudnn (NVIDIA GPUs), splash (TPUs) or auto [default: auto, by platform].")
    ] = None
    unrolled: Annotated[
        bool | None, _rare("--unrolled/--looped", help="Write the layers out, or loop over them [default: by depth].")
    ] = None
    precision: Annotated[Word, _rare(help="float32 (default on a CPU) or bfloat16 (default elsewhere).")] = None
    variant: Annotated[Word, _rare(help="rotary, or nanodo as the paper's code base [default: rotary].")] = None
    inner_optimizer: Annotated[Word, _rare(help="adamw, or muon for the matrices of layers [default: adamw].")] = None
    schedule_steps: Annotated[Whole, _rare(help="Steps of the learning-rate schedule [default: --steps].")] = None
    learning_rate: Annotated[Number, _rare(help="Peak inner learning rate [default: the published fit].")] = None
    learning_rate_warmup_steps: Annotated[
        Whole, _rare(help="Steps of linear warm-up [default: T/10, at most 1000].")
    ] = None
    final_learning_rate: Annotated[Number, _rare(help="Final learning rate over the peak [default: 0.05].")] = None
    weight_decay: Annotated[Number, _rare(help="Weight decay of a step at the peak rate [default: 1/T].")] = None
    outer_learning_rate: Annotated[Number, _rare(help="Outer learning rate [default: the published table].")] = None
    outer_momentum: Annotated[Number, _rare(help="Nesterov momentum of the outer optimizer [default: 0.9].")] = None
    clip_norm: Annotated[Number, _rare(help="Norm to which the averaged gradient is clipped [default: 1].")] = None
    z_loss: Annotated[Number, _rare(help="Weight of the squared log-partition function [default: 1e-4].")] = None
    seed: Annotated[Whole, _rare(help="Seed of parameters and batches [default: 0].")] = None
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            help="Text: auto, packages, docstrings, c4, dolma, or files; for a mixture TEXT=WEIGHT, repeated.",
            metavar="TEXT",
        ),
    ] = None
    tokenizer: Annotated[Word, _rare(help="bpe (trained on the text, cached), bytes, or a file.")] = None
    held_out: Annotated[Number, _rare(help="Share of the documents kept out of training [default: 0.01].")] = None
    warmup_steps: Annotated[Whole, _rare(help="Steps before the run that warm the devices up [default: 2].")] = None


@dataclass(frozen=True)
class Session:
    """Options beside the training configuration: files, processes, and runs that only compile."""

    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file if it exists.")] = False
    checkpoint: Annotated[Path | None, typer.Option("--checkpoint", help="A folder for checkpoints.")] = None
    checkpoint_every: Annotated[int, _rare(help="Inner steps between checkpoints.", min=1)] = 100
    eval_every: Annotated[
        int | None, _rare(help="Inner steps between evaluations on the held-out text, into the trace.", min=1)
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the newest checkpoint; begin anew if there is none.")
    ] = False
    coordinator: Annotated[
        Word, _rare(help="host:port of process 0 of several; auto: from Slurm, Open MPI or a TPU pod.")
    ] = None
    processes: Annotated[Whole, _rare(help="Number of processes; start all with the same options.")] = None
    process_id: Annotated[Whole, _rare(help="Number of this process, from 0.")] = None
    profile: Annotated[Path | None, _rare(help="A directory for a profile of a few further steps.")] = None
    clock: Annotated[
        str, _rare(help="split: parts of a step, each waited for; both: whole steps without waiting, too.")
    ] = "split"
    compile_cache: Annotated[
        Path | None, _rare(help="A folder that keeps compiled programs, so that the next run like this starts at once.")
    ] = None
    target: Annotated[
        Word, _rare("--target", help="What to compile for: tpu:v5e:16x16[:SLICES], or gpu:h100[:COUNT].")
    ] = None
    no_run: Annotated[bool, _rare("--no-run", help="Only compile, for --target; nothing is timed.")] = False
    utilization: Annotated[
        float, _rare(help="Share of the target's peak flop/s, from which the time of a step is estimated.")
    ] = 0.4
