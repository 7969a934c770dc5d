"""The code blocks of docs/deploy.md, and its resizing in every language run on a gray picture."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

GUIDE = Path(__file__).parents[2] / "docs" / "deploy.md"
LANGUAGES = {"python": sys.executable, "cpp": "g++", "js": "node", "kotlin": "g++", "swift": "g++"}

_RUN_PYTHON = """
import sys
import numpy as np
from face_pixels import resize_gray
width, height, size = map(int, sys.argv[1:4])
gray = np.fromfile(sys.argv[4], np.uint8).reshape(height, width)
resize_gray(gray, size).astype(np.float32).tofile(sys.argv[5])
"""
_RUN_JS = """
import {readFileSync, writeFileSync} from "node:fs";
import {resizeGray} from "./face_pixels.mjs";
const [width, height, size] = process.argv.slice(2, 5).map(Number);
writeFileSync(process.argv[6], Buffer.from(resizeGray(readFileSync(process.argv[5]), width, height, size).buffer));
"""
_RUN_CPP = """
#include <fstream>
#include <iterator>
#include <string>
int main(int, char** words) {
  int width = std::stoi(words[1]), height = std::stoi(words[2]), size = std::stoi(words[3]);
  std::ifstream file(words[4], std::ios::binary);
  std::vector<unsigned char> gray(std::istreambuf_iterator<char>(file), {});
  auto face = CALL;
  std::ofstream(words[5], std::ios::binary).write(reinterpret_cast<char*>(face.data()), face.size() * sizeof(float));
}
"""
_KOTLIN_PRELUDE = """
#include <algorithm>
#include <cstdlib>
#include <vector>
template <class A, class B> auto maxOf(A a, B b) { return std::max<long long>(a, b); }
template <class A, class B> auto minOf(A a, B b) { return std::min<long long>(a, b); }
#define max maxOf
#define min minOf
"""
# Line by line to C++. Both languages divide whole numbers as C++ does.
_KOTLIN = (
    (r"fun (\w+)\((.*)\): (\w+) {", r"\3 \1(\2) {"),
    (r"(\w+): (Int|IntArray)\b", r"\2 \1"),
    (r"FloatArray\((.*)\)$", r"std::vector<float>(\1)"),
    (r"\bFloatArray\b", "std::vector<float>"),
    (r"\bIntArray\b", "const std::vector<unsigned char>&"),
    (r"\bInt\b", "long long"),
    (r"kotlin\.math\.abs", "std::llabs"),
    (r"if \((.*?)\) (\w+) else (2 \* size)\)", r"\1 ? \2 : \3)"),
    (r"\b(val|var)\b", "auto"),
    (r"\.toFloat\(\)", ""),
    (r"for \((\w) in (.*?) until (.*?)\)(?= for| \{|$)", r"for (long long \1 = \2; \1 < \3; \1++)"),
)
_SWIFT = (
    (r"func (\w+)\((.*)\) -> (.*) {", r"\3 \1(\2) {"),
    (r"_ (\w+): (Int\b|\[UInt8\])", r"\2 \1"),
    (r"\[Float32\]\(repeating: 0, count: (.*)\)$", r"std::vector<float>(\1)"),
    (r"\[Float32\]", "std::vector<float>"),
    (r"\[UInt8\]", "const std::vector<unsigned char>&"),
    (r"Float32\(", "("),
    (r"Int\(gray", "(gray"),
    (r"\bInt\b", "long long"),
    (r"\babs\b", "std::llabs"),
    (r"if (.*?) { ", r"if (\1) { "),
    (r"\b(let|var)\b", "auto"),
    (r"for (\w) in (\S.*?)\.\.<(.*?) {", r"for (long long \1 = \2; \1 < \3; \1++) {"),
)


def blocks(language: str) -> list[tuple[str, str]]:
    """(mark, code) of each block; the mark is the comment above one that is executed, else empty."""
    return re.findall(rf"(<!-- executed[^\n]*-->\n)?```{language}\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)


def executed(language: str, word: str) -> str:
    """The one executed block in which a word stands."""
    (code,) = [code for mark, code in blocks(language) if mark and word in code]
    return code


def can_run(language: str) -> bool:
    """Whether this machine has what the language needs."""
    return shutil.which(LANGUAGES[language]) is not None


def resizer(language: str, folder: Path):
    """Prepare the guide's resizing in one language; returns (gray, size) -> (size, size) float32."""
    command = _prepare(language, folder)

    def resize(gray, size):
        source, target = folder / "gray.bin", folder / "face.bin"
        gray.tofile(source)
        numbers = map(str, (gray.shape[1], gray.shape[0], size))
        subprocess.run([*command, *numbers, source, target], cwd=folder, check=True, timeout=60)
        return np.fromfile(target, np.float32).reshape(size, size)

    return resize


def _prepare(language: str, folder: Path) -> list[str]:
    code = executed(language, "2 * sum" if language != "python" else "def resize_gray")
    if language == "python":
        (folder / "face_pixels.py").write_text(code)
        (folder / "run.py").write_text(_RUN_PYTHON)
        return [sys.executable, "run.py"]
    if language == "js":
        (folder / "face_pixels.mjs").write_text(code)
        (folder / "run.mjs").write_text(_RUN_JS)
        return ["node", "run.mjs"]
    call = (
        "resize_gray(gray.data(), width, height, size)"
        if language == "cpp"
        else "resizeGray(gray, width, height, size)"
    )
    program = (
        code if language == "cpp" else _KOTLIN_PRELUDE + _to_cpp(code, _KOTLIN if language == "kotlin" else _SWIFT)
    )
    program += "\n#undef max\n#undef min\n" + _RUN_CPP.replace("CALL", call)
    (folder / "resize.cpp").write_text(program)
    subprocess.run(["g++", "-std=c++17", "-O1", "-o", "resize", "resize.cpp"], cwd=folder, check=True, timeout=120)
    return [str(folder / "resize")]


def _to_cpp(code: str, rules: tuple[tuple[str, str], ...]) -> str:
    lines = []
    for line in code.splitlines():
        text = re.sub(r"\s*//.*", "", line)
        for pattern, replacement in rules:
            text = re.sub(pattern, replacement, text)
        ends = not text.strip() or text.rstrip().endswith(("{", "}")) or text.strip().startswith("for ")
        text = re.sub(r"([^{};\s]) }$", r"\1; }", text)
        lines.append(text if ends else text + ";")
    return "\n".join(lines)
