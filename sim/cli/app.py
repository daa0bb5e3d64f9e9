"""`simulate` and its commands: arguments and exit codes only; everything heavy is imported inside a command."""

from __future__ import annotations

from typing import NoReturn

import typer

from ..shell.exit_codes import run_and_exit
from ..shell.option_groups import grouped
from ..shell.repeated_options import OnceCommand
from .bandwidth import bandwidth
from .budget import budget
from .calibrate import calibrate
from .explain import explain
from .file_or_command import FileOrCommand
from .fit import fit
from .flows import flows
from .goodput import goodput
from .importing import import_
from .latency import latency
from .laws import laws
from .plan import plan
from .predict import predict
from .reproduce import reproduce
from .serve import serve
from .show import list_, schema, show
from .simulate import simulate
from .sweep import sweep
from .validate import validate

app = typer.Typer(
    cls=FileOrCommand,
    subcommand_metavar="[FILE | COMMAND [ARGS]...]",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback(invoke_without_command=True)(grouped(simulate))
app.command("list", cls=OnceCommand)(list_)
app.command("import", cls=OnceCommand)(grouped(import_))
for command in (
    show,
    flows,
    bandwidth,
    budget,
    calibrate,
    explain,
    fit,
    goodput,
    latency,
    laws,
    predict,
    plan,
    validate,
    reproduce,
    sweep,
    serve,
    schema,
):
    app.command(cls=OnceCommand)(grouped(command))


def main() -> NoReturn:
    """Runs the command and turns every outcome into an exit code."""
    run_and_exit(lambda: app(prog_name="simulate"))
