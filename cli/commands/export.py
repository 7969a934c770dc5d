"""``fer-keras export``."""

from __future__ import annotations

import click

from ..options import RunPath, data_option, echo_json, import_tensorflow, json_option, waiting

DEFAULT = "savedmodel,tflite,tflite_float16,tflite_dynamic,tflite_int8"


@click.command("export")
@click.argument("run", type=RunPath())
@click.option(
    "--format",
    "formats",
    default=DEFAULT,
    show_default=True,
    help="Comma-separated; also onnx, torch, and 'all' for every one but torch whose packages are installed.",
)
@data_option
@click.option(
    "--split",
    type=click.Choice(["validation", "test"]),
    default="validation",
    show_default=True,
    help="Compare with Keras on the validation split, or on the test split too.",
)
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="FORMAT=VALUE",
    help="Largest probability difference (float32 formats, 1e-4), least agreement in percent (tflite_float16, 99.9), "
    "largest accuracy difference in points (tflite_dynamic, tflite_int8: 0.5).",
)
@click.option("--keep-failed", is_flag=True, help="Keep a file that is out of its tolerance, as failed_NAME.")
@click.option("--no-calibration", is_flag=True, help="Temperature 1 instead of the run's calibration.")
@click.option(
    "--latency-seconds",
    type=click.FloatRange(0, 600),
    default=1.0,
    show_default=True,
    help="Measuring time per file for one face and one thread; 0 measures nothing.",
)
@click.option("--find-divergence", is_flag=True, help="Name the first operator of each TFLite file that diverges.")
@click.option("--edgetpu-report", is_flag=True, help="Check the int8 file against the Edge TPU's documented rules.")
@json_option
@click.pass_context
def command(ctx, run, formats, data, split, tolerances, keep_failed, no_calibration, latency_seconds, **reports):
    """Write exported files of a run and prove on the whole validation split that they are the same model.

    A file that is out of its tolerance is not kept, and the exit code is 1. The temperature is that of 'fer-keras
    calibrate', or fitted here where the run has none.

    \b
    fer-keras export saved_models/RUN
    fer-keras export saved_models/RUN --format tflite_int8 --edgetpu-report
    fer-keras export saved_models/RUN --format all --split test
    """
    from fer_keras.export.formats import check_formats
    from fer_keras.export.parity.checks import read_tolerances
    from fer_keras.runs.run_folder import RunFolder

    names = check_formats(tuple(part.strip() for part in formats.split(",")))
    limits = read_tolerances(tolerances)
    if reports["edgetpu_report"] and "tflite_int8" not in names:
        raise click.UsageError("--edgetpu-report needs tflite_int8 among the formats")
    folder = RunFolder.open(run)
    import_tensorflow(ctx)
    from fer_keras.export.parity.checks import ExportChecks

    from ..run_data import load_data, read_recipe

    dataset = load_data(read_recipe(folder), data)
    splits = tuple(dict.fromkeys(("validation", split)))
    checks = ExportChecks(splits, limits, keep_failed, latency_seconds)
    _export(folder, names, dataset, checks, not no_calibration, reports)


def _export(folder, names, dataset, checks, calibrate: bool, reports: dict) -> None:
    """Export, add the reports that were asked for, print, and fail last: what was measured is shown in any case."""
    from fer_keras.export.parity.compare import require_parity
    from fer_keras.export.parity.reports import divergence_report, int8_report
    from fer_keras.export.run_export import export_run

    from ..export_tables import print_report

    with waiting(f"Writing {', '.join(names)} and comparing each with Keras, face by face"):
        report = export_run(folder, names, dataset=dataset, calibrate=calibrate, checks=checks)
    result = {"run": str(folder.path), **report}
    if reports["edgetpu_report"] and report["exports"]["tflite_int8"]["kept"]:
        result["edgetpu"] = int8_report(folder)
    if reports["find_divergence"]:
        result["divergence"] = divergence_report(folder, dataset.splits["validation"].images)
    if reports["as_json"]:
        echo_json(result)
    else:
        print_report(folder, result)
    require_parity({name: report["exports"][name] for name in names})
