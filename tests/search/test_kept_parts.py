"""What a search keeps for another one: found again whatever is declared of uncertainties, and not after a changed cut."""

from dataclasses import replace

import bdana
from bdana.analysis import template_folder
from bdana.analysis.config import SystematicConfig
from bdana.search.kept_parts import KeptParts


def test_only_declared_uncertainties_may_differ():
    kept, made = KeptParts(), []
    analysis = bdana.load(template_folder())
    of_halo = SystematicConfig(effect=0.3, correlated=True, source="a test")
    declared = replace(analysis, config=analysis.config.model_copy(update={"systematics": {"halo": of_halo}}))
    assert declared.hash != analysis.hash
    cut = bdana.load(template_folder(), overrides=["selection.dimuon.max_cda_mm=7"])
    for one, what in ((analysis, "a"), (declared, "a"), (cut, "a"), (analysis, "b"), (cut, "a")):
        assert kept.once(one, (what,), lambda: made.append(0) or len(made)) == {"a": 1, "b": 3}[what] + (
            one is cut
        )
    assert len(made) == 3
