"""Text for LaTeX: what it reads otherwise is escaped, and signs it does not know are written in ones that it does."""

from __future__ import annotations

from unicodedata import combining, normalize

__all__ = ["latex_text"]

_SIGNS = {
    "\\": r"\textbackslash{}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "`": r"\textasciigrave{}",
    "<": "$<$", ">": "$>$", "|": "$|$", "−": "$-$", "–": "--", "′": "$'$", "″": "$''$", "°": r"$^\circ$",
}  # fmt: skip
"""What LaTeX reads otherwise."""
_MATHEMATICS = {
    "±": "pm", "×": "times", "·": "cdot", "≥": "geq", "≤": "leq", "≪": "ll", "≫": "gg", "≈": "approx", "∼": "sim", "≃": "simeq",
    "≠": "neq", "≡": "equiv", "∝": "propto", "→": "to", "←": "leftarrow", "↔": "leftrightarrow", "⇒": "Rightarrow",
    "∞": "infty", "√": "surd", "∈": "in", "∑": "sum", "∫": "int", "∂": "partial", "∇": "nabla", "⟨": "langle", "⟩": "rangle",
    "ħ": "hbar", "ℓ": "ell", "ϵ": "epsilon", "ϕ": "phi", "ϑ": "vartheta", "µ": "mu", "≲": "stackrel{<}{\\sim}",
    "≳": "stackrel{>}{\\sim}",
}  # fmt: skip
_SMALL = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega"
_CAPITAL = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
for _signs, _names in (("αβγδεζηθικλμνξπρστυφχψω", _SMALL), ("ΓΔΘΛΞΠΣΥΦΨΩ", _CAPITAL)):
    _MATHEMATICS |= dict(zip(_signs, _names.split(), strict=True))
_SIGNS |= {sign: rf"$\{name}$" for sign, name in _MATHEMATICS.items()}
for _signs, _where in (("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "^"), ("₀₁₂₃₄₅₆₇₈₉₊₋", "_")):
    _SIGNS |= {sign: f"${_where}{plain}$" for sign, plain in zip(_signs, "0123456789+-", strict=True)}
_READ = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿĀāĂăĆćĈĉĊċČčĎďĒēĔĕĖėĚěĜĝĞğĠġĢģĤĥĨĩĪīĬĭİıĴĵĶķĹĺĻļĽľŁłŃńŅņŇňŌōŎŏŐőŒœŔŕŖŗ"
    "ŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŴŵŶŷŸŹźŻżŽžȘșȚț‘’“”…•—€§"
)
"""Signs beyond ASCII that LaTeX reads without a package."""


def latex_text(text: str) -> str:
    r"""Return text as LaTeX prints it, whatever signs it has, with nothing but the packages of every LaTeX.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> from bdana.latex_text import latex_text
    >>> print(latex_text("p_n & 50% of ε²"))
    p\_n \& 50\% of $\epsilon$$^2$
    """
    one_line = " ".join(normalize("NFC", text).split())
    # At the beginning of a row of a table a bracket or star would belong to the end of the row before.
    first, rest = (one_line[:1], one_line[1:]) if one_line.startswith(("[", "*")) else ("", one_line)
    return f"{{{first}}}" * bool(first) + "".join(map(_sign, rest))


def _sign(sign: str) -> str:
    """Return a sign as LaTeX reads it: one that it does not know without its accents, or by its number."""
    if sign in _SIGNS:
        return _SIGNS[sign]
    if sign in _READ or (sign.isascii() and sign.isprintable()):
        return sign
    plain = "".join(part for part in normalize("NFKD", sign) if not combining(part)).strip()
    if plain and plain.isascii() and plain.isprintable():
        return "".join(map(_sign, plain))
    return rf"\texttt{{U+{ord(sign):04X}}}"
