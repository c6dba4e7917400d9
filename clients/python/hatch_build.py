"""Generates `longshore/generated` from the OpenAPI document when a wheel is built."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# NDJSON bodies are passed as bytes.
CONFIG = {"content_type_overrides": {"application/x-ndjson": "application/octet-stream"}}


def generate(root: Path) -> None:
    """Generates the client; a source distribution contains a copy of the document."""
    copy = root / "openapi.json"
    source = copy if copy.exists() else root.parent.parent / "docs" / "openapi.json"
    document = json.loads(source.read_text(encoding="utf-8"))
    # Without types, fields of any JSON become `Any` instead of wrapper classes.
    document["components"]["schemas"]["Json"] = {}
    output = root / "longshore" / "generated"
    with tempfile.TemporaryDirectory() as folder:
        inputs = {"--path": document, "--config": CONFIG}
        command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--overwrite"]
        for option, content in inputs.items():
            path = Path(folder, f"{option.strip('-')}.json")
            path.write_text(json.dumps(content), encoding="utf-8")
            command += [option, str(path)]
        command += ["--output-path", str(output), "--fail-on-warning"]
        subprocess.run(command, check=True, env={**os.environ, "RUFF_NO_CACHE": "true"})


class CustomBuildHook(BuildHookInterface[Any]):
    """Build hook that hatchling calls before it collects files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generates the client, also for an editable install."""
        generate(Path(self.root))
