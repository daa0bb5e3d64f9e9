"""The options of `record-trace`: one name each, the field of a training configuration unless it says otherwise.

An option that is not given leaves its field to the file of `--config`, and that to the recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim.laws.model_family import FAMILY, VOCAB

Whole = int | None
Number = float | None
Word = str | None

Output = Annotated[Path, typer.Option(help="The trace file to write; .gz at its end compresses it.")]
Config = Annotated[Path | None, typer.Option(help="A YAML file with the fields of a run; options win over it.")]
Algorithm = Annotated[Word, typer.Option(help="data-parallel, diloco, streaming-diloco or eager-diloco.")]
Steps = Annotated[Whole, typer.Option(help="Inner steps to train [default: 20 tokens a parameter].")]
Overtraining = Annotated[Number, typer.Option(help="Multiple of 20 tokens a parameter, in place of --steps.")]
Model = Annotated[Word, typer.Option(help=f"A model of the family: {', '.join(FAMILY)}.")]
Layers = Annotated[Whole, typer.Option(help="Layers of a model of your own.")]
Width = Annotated[Whole, typer.Option(help="Its model dimension.")]
Heads = Annotated[Whole, typer.Option(help="Its attention heads.")]
Hidden = Annotated[Whole, typer.Option(help="Its feed-forward dimension [default: 4 x width].")]
Vocab = Annotated[Whole, typer.Option(help=f"Its vocabulary [default: {VOCAB}, or 257 with bytes].")]
Replicas = Annotated[Whole, typer.Option(help="DiLoCo replicas [default: 2; 1 for data-parallel].")]
SyncEvery = Annotated[Whole, typer.Option(help="Inner steps between a parameter's outer steps [default: 30].")]
Fragments = Annotated[Whole, typer.Option(help="Fragments of streaming-diloco [default: one for each 3 layers].")]
Pattern = Annotated[Word, typer.Option(help="Layers of a fragment: strided or sequential [default: strided].")]
OverlapSteps = Annotated[Whole, typer.Option(help="Inner steps that its exchange overlaps [default: 1].")]
Mixing = Annotated[Number, typer.Option(help="Share of local parameters kept [default: 0.5 with overlap, else 0].")]
PayloadBits = Annotated[
    Whole, typer.Option(help="Bits of a parameter in an outer exchange: 32, 16, 8, 4 [default: 16; 32 in float32].")
]
ErrorFeedback = Annotated[
    bool | None, typer.Option("--error-feedback", help="Add an exchange's rounding error to the next one's change.")
]
DevicesPerReplica = Annotated[
    Whole, typer.Option(help="Data-parallel devices in a replica [default: 1; what a --target has].")
]
Shards = Annotated[Whole, typer.Option(help="Devices over which each copy of the model is spread [default: 1].")]
SequenceLength = Annotated[Whole, typer.Option(help="Tokens in a sequence [default: 2048; 256 for your own model].")]
Sequences = Annotated[Whole, typer.Option(help="Sequences of each device in a step [default: the fitted batch].")]
Microbatches = Annotated[Whole, typer.Option(help="Parts of them, one after the other [default: of 4096 tokens].")]
Remat = Annotated[Word, typer.Option(help="none, or layer: compute activations again to save memory [default: none].")]
PrecisionName = Annotated[Word, typer.Option(help="float32 (default on a CPU) or bfloat16 (default elsewhere).")]
ScheduleSteps = Annotated[Whole, typer.Option(help="Steps that the schedule is planned for [default: --steps].")]
LearningRate = Annotated[Number, typer.Option(help="Peak inner learning rate [default: the published fit].")]
LearningRateWarmup = Annotated[Whole, typer.Option(help="Steps of linear warm-up [default: T/10, at most 1000].")]
FinalLearningRate = Annotated[Number, typer.Option(help="End of the cosine over the peak [default: 0.05].")]
WeightDecay = Annotated[Number, typer.Option(help="Part of a matrix that a step at the peak takes [default: 1/T].")]
OuterLearningRate = Annotated[Number, typer.Option(help="Outer learning rate [default: the published table].")]
OuterMomentum = Annotated[Number, typer.Option(help="Nesterov momentum of the outer optimizer [default: 0.9].")]
ClipNorm = Annotated[Number, typer.Option(help="Norm that the averaged gradient is clipped to [default: 1].")]
ZLoss = Annotated[Number, typer.Option(help="Weight of the squared log-partition function [default: 1e-4].")]
Seed = Annotated[Whole, typer.Option(help="Decides parameters and batches [default: 0].")]
Corpus = Annotated[Word, typer.Option(help="auto, packages, docstrings, c4, dolma, or files of text.")]
TokenizerName = Annotated[Word, typer.Option(help="bpe (trained on the text, cached), bytes, or a file.")]
HeldOut = Annotated[Number, typer.Option(help="Share of the documents that training never sees [default: 0.01].")]
WarmupSteps = Annotated[Whole, typer.Option(help="Steps thrown away before the run [default: 2].")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it is there.")]
CheckpointDir = Annotated[Path | None, typer.Option("--checkpoint", help="A folder for checkpoints.")]
CheckpointEvery = Annotated[int, typer.Option(help="Inner steps between checkpoints.", min=1)]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the newest whole checkpoint, or begin.")]
Coordinator = Annotated[
    Word, typer.Option(help="host:port of process 0 of several; auto: from Slurm, Open MPI or a TPU pod.")
]
Processes = Annotated[Whole, typer.Option(help="Processes of the run, all with the same options.")]
ProcessId = Annotated[Whole, typer.Option(help="Number of this process, from 0.")]
Profile = Annotated[Path | None, typer.Option(help="A directory for a profile of a few steps more.")]
TargetName = Annotated[Word, typer.Option("--target", help="TPUs to compile for: tpu:v5e:16x16[:SLICES].")]
NoRun = Annotated[bool, typer.Option("--no-run", help="Only compile, for --target; nothing is timed.")]
Utilization = Annotated[
    float, typer.Option(help="Of the target's peak, which gives the seconds of a step that never ran.")
]
