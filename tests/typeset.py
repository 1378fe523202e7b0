"""LaTeX itself, to see that it reads what is written for it."""

import shutil
import subprocess

import pytest

HEAD = r"\documentclass{article}\usepackage{booktabs}\begin{document}"


def is_read(folder, *tabulars):
    """Typeset tabulars, each on a page; skip the test where there is no LaTeX with booktabs."""
    finder = shutil.which("kpsewhich")
    if not (shutil.which("pdflatex") and finder):
        pytest.skip("no pdflatex (apt-get install texlive-latex-recommended)")
    if subprocess.run([finder, "booktabs.sty"], capture_output=True, check=False).returncode:
        pytest.skip("LaTeX has no booktabs (apt-get install texlive-latex-recommended)")
    text = "\n\\clearpage\n".join([HEAD, *tabulars, r"\end{document}"])
    (folder / "tables.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "tables.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = (folder / "tables.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, [line for line in log.splitlines() if line.startswith(("!", "l."))]
    assert "Missing character" not in log
