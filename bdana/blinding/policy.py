"""`blinding/policy.toml` as checked by pydantic: what is closed, and who opens it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

import hepunits
import numpy as np
from pydantic import Field, PrivateAttr, field_validator, model_validator

from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.signing import raw_key
from bdana.errors import BlindingError, ConfigError
from bdana.mistakes import Written, validated
from bdana.on_demand import late_module
from bdana.regions import BoxTable, ClusterBoxTable, Envelopes
from bdana.strict import StrictModel, read_toml

if TYPE_CHECKING:
    from pathlib import Path

    from bdana import reconstruction
    from bdana.detector import Detector
    from bdana.events import gate as event_gate
    from bdana.events.gate import Admission, ClosedClusters, Gate
    from bdana.regions import Regions
else:
    event_gate, reconstruction = (late_module(f"bdana.{name}") for name in ("events.gate", "reconstruction"))

__all__ = [
    "ClusterEnvelope",
    "ClusterRule",
    "Former",
    "PairRule",
    "Period",
    "Person",
    "Policy",
    "Role",
    "Stage",
    "read_policy",
]

Point = tuple[float, float, float]
Role = Literal["analyst", "reviewer", "convenor"]  # guard: three-roles


class PairRule(StrictModel):  # guard: pair-rule
    """Table [pair]: what a closed pair is, looser in everything than any selection may be; the values are assumed."""

    max_dt_ns: Annotated[float, Field(gt=0)] = Field(description="abs(t(+) - t(-)) of a closed pair is below")
    max_chi2: Annotated[float, Field(gt=0)] = Field(description="chi2 of both tracks is below")
    min_p_gev: Annotated[float, Field(ge=0)] = Field(description="momentum of both tracks is above")
    beam_line_point_mm: Point = Field(description="a point of the line that pairs are extrapolated back to")
    beam_line_direction: Point = Field(description="its direction, of any length")

    @field_validator("beam_line_direction")
    @classmethod
    def _not_zero(cls, value: Point) -> Point:
        if not any(value):  # guard: line-has-direction
            raise ValueError("must not be zero")
        return value


class ClusterRule(StrictModel):
    """Table [clusters]: what a closed pair of clusters is, looser in everything than any selection may be; assumed."""

    max_dt_ns: Annotated[float, Field(gt=0)] = Field(description="abs(t1 - t2) of a closed pair is below")
    min_energy_gev: Annotated[float, Field(ge=0)] = Field(description="energy of both clusters is above")
    track_dt_ns: Annotated[float, Field(ge=0)] = Field(
        description="a pair with any track nearer in time is open: narrower than the veto of any selection"
    )
    dump_point_mm: Point = Field(description="where what decays is made")
    reference_z_m: float = Field(description="where the photons begin for the mass")


class Person(StrictModel):  # guard: person
    """Table [people.NAME]: somebody who may seal, request, approve or open, with role and SSH key."""

    role: Role
    production: bool = Field(default=False, description="makes and signs the sealed files")
    ssh_key: str = Field(description="the public key that signs: a line of id_ed25519.pub or id_rsa.pub")

    @field_validator("ssh_key")
    @classmethod
    def _usable(cls, value: str) -> str:
        raw_key(value)
        return value.strip()


class Period(StrictModel):
    """Table [periods.NAME]: a data-taking period."""

    data_runs: list[tuple[int, int]] = Field(  # guard: period-has-runs
        min_length=1, description="first and last run of each range"
    )

    @field_validator("data_runs")
    @classmethod
    def _in_order(cls, value: list[tuple[int, int]]) -> list[tuple[int, int]]:
        for first, last in value:
            if first > last:  # guard: range-has-runs
                raise ValueError(f"the range [{first}, {last}] holds no run: write the first run first")
        return value


class ClusterEnvelope(ClusterBoxTable):
    """Table [stages.NAME.clusters]: the closed envelope around the region NAME of pairs of clusters."""


class Stage(BoxTable):
    """Table [stages.NAME]: the closed envelope around the region NAME, and who opens it."""

    approval: dict[Role, Annotated[int, Field(ge=1)]] = Field(  # guard: clauses
        default={"analyst": 1, "reviewer": 1}, min_length=1, description="how many of each role must agree"
    )
    agreement_p_min: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.01,
        description="a control region whose p(L <= Lobs) is below fails its agreement test, assumed",
    )
    capacity_kib: Annotated[int, Field(gt=0)] = Field(  # guard: sealed-has-a-size
        default=4096,
        description="size of a sealed file, whatever it holds; doubled when that is not enough, assumed",
    )

    clusters: ClusterEnvelope | None = Field(
        default=None,
        description="the closed envelope of pairs of clusters, where there is a table [clusters]",
    )

    @field_validator("approval")
    @classmethod
    def _not_one_side_alone(cls, value: dict[Role, int]) -> dict[Role, int]:
        if "analyst" not in value or len(value) == 1:  # guard: both-sides-agree
            raise ValueError(
                "must ask for an analyst, who requests, and for a reviewer or convenor, who opens"
            )
        return value


class Policy(StrictModel):
    """The content of blinding/policy.toml: what is closed, in which order it is opened, and by whom."""

    pair: PairRule
    stages: dict[str, Stage] = Field(min_length=1, description="in the order in which they are opened")
    clusters: ClusterRule | None = Field(
        default=None, description="without it no pair of clusters is searched"
    )
    people: dict[str, Person] = Field(default={}, description="empty until data are sealed")
    periods: dict[str, Period] = Field(default={}, description="of data taking, each with keys of its own")
    _former: tuple[Former, ...] = PrivateAttr(())

    @model_validator(mode="after")
    def _people_differ(self) -> Policy:
        names = [" ".join(name.split()).casefold() for name in self.people]
        keys = [raw_key(person.ssh_key) for person in self.people.values()]  # guard: key-is-read
        for i, name in enumerate(self.people):
            if not re.fullmatch(r"[A-Za-z0-9_]+", name):  # guard: name-of-a-file
                raise ValueError(f"the name '{name}' is part of file names: use letters, digits and _")
            if names[i] in names[:i]:  # guard: one-name-each
                raise ValueError(f"{name} stands in [people] twice")
            if keys[i] in keys[:i]:  # guard: one-key-each
                other = list(self.people)[keys.index(keys[i])]
                raise ValueError(f"{name} and {other} have the same SSH key: every person needs an own one")
        return self

    @model_validator(mode="after")
    def _clusters_everywhere_or_nowhere(self) -> Policy:
        for name, stage in self.stages.items():
            if self.clusters is not None and stage.clusters is None:  # guard: clusters-in-every-stage
                raise ValueError(
                    f"there is a table [clusters], so every stage needs one: add [stages.{name}.clusters]"
                )
            if self.clusters is None and stage.clusters is not None:  # guard: clusters-have-a-rule
                raise ValueError(f"[stages.{name}.clusters] needs the table [clusters]")
        return self

    @model_validator(mode="after")
    def _clauses_can_be_filled(self) -> Policy:
        for name, stage in self.stages.items() if self.people else ():
            for role, number in stage.approval.items():
                there = len(self.holders(role))
                if there < number:  # guard: enough-people
                    raise ValueError(f"[stages.{name}] asks for {number} {role}, but [people] has {there}")
        return self

    @model_validator(mode="after")
    def _runs_are_of_one_period(self) -> Policy:
        ranges = sorted((*runs, name) for name, period in self.periods.items() for runs in period.data_runs)
        for (_, last, one), (first, _, other) in pairwise(ranges):
            if first <= last:  # guard: run-of-one-period
                raise ValueError(f"run {first} is in [periods.{one}] and again in [periods.{other}]")
        return self

    @property
    def document(self) -> dict[str, Any]:
        """The policy's content as JSON holds it, without the tables that it does not have."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def sha256(self) -> str:
        """SHA-256 of the policy's content, which people sign."""
        return sha256(canonical(self.document))

    @property
    def former(self) -> tuple[Former, ...]:
        """The policies that were in force before, oldest first."""
        return self._former

    def after(self, former: tuple[Former, ...]) -> Policy:
        """Return this policy with those that were in force before it.

        Parameters
        ----------
        former : tuple of Former
            Oldest first.
        """
        policy = self.model_copy()
        policy._former = former
        return policy

    @property
    def alike(self) -> dict[str, Policy]:
        """The policy itself and the former ones with the same pair definition and stages, by their `sha256`.

        Data that were sealed, and keys that were made, with one of them stay good.
        """
        found = (*(past.policy for past in self.former), self)
        return {
            p.sha256: p
            for p in found
            if (p.pair, p.clusters, p.stages) == (self.pair, self.clusters, self.stages)
        }  # guard: alike

    @property
    def ssh_keys(self) -> dict[str, str]:
        """Everybody's public SSH key by name."""
        return {name: person.ssh_key for name, person in self.people.items()}

    def at(self, number: int) -> Policy:
        """Return the policy that was in force when the row of this number was written.

        Parameters
        ----------
        number : int
        """
        return next(
            (p.policy.after(self.former[:i]) for i, p in enumerate(self.former) if number <= p.last), self
        )

    def role(self, person: str) -> str:
        """Return somebody's role.

        Parameters
        ----------
        person : str

        Raises
        ------
        BlindingError
            When the policy does not name the person.
        """
        if person not in self.people:  # guard: person-of-the-policy
            raise BlindingError(f"refused: [people] of blinding/policy.toml has no {person}")
        return self.people[person].role

    def holders(self, role: str) -> list[str]:
        """Return the names of the people with a role.

        Parameters
        ----------
        role : str
        """
        return [name for name, person in self.people.items() if person.role == role]

    def previous(self, stage: str) -> str | None:
        """Return the stage that is opened before a stage; None for the first.

        Parameters
        ----------
        stage : str

        Examples
        --------
        >>> policy = Policy.model_construct(stages={"CR": ..., "SR": ...})
        >>> policy.previous("SR"), policy.previous("CR")
        ('CR', None)
        """
        order = list(self.stages)
        return order[order.index(stage) - 1] if order.index(stage) else None

    @property
    def envelopes(self) -> Envelopes:
        """The closed boxes in mm, most secret (opened last) first."""
        return Envelopes(tuple(stage.box(name) for name, stage in reversed(self.stages.items())))

    @property
    def cluster_envelopes(self) -> Envelopes | None:
        """The closed boxes of pairs of clusters, most secret first; None where the policy has none."""
        boxes = [stage.clusters.box(name) for name, stage in reversed(self.stages.items()) if stage.clusters]
        return Envelopes(tuple(boxes)) if boxes else None

    def _closed_clusters(self) -> ClosedClusters | None:
        rule, envelopes = self.clusters, self.cluster_envelopes
        if rule is None or envelopes is None:
            return None
        return event_gate.ClosedClusters(
            envelopes=envelopes,
            max_dt=rule.max_dt_ns * hepunits.ns,
            min_energy=rule.min_energy_gev * hepunits.GeV,
            track_dt=rule.track_dt_ns * hepunits.ns,
            dump_point=rule.dump_point_mm,
            reference_z=rule.reference_z_m * hepunits.m,
        )

    def gate(self, detector: Detector, admission: Admission | None = None) -> Gate:
        """Return the gate that keeps closed events out of data that are read.

        Parameters
        ----------
        detector : Detector
        admission : Admission, optional
            What looks at the files before the gate looks at their events.
        """
        rule = self.pair
        return event_gate.Gate(
            envelopes=self.envelopes,
            max_dt=rule.max_dt_ns * hepunits.ns,
            max_chi2=rule.max_chi2,
            min_p=rule.min_p_gev * hepunits.GeV,
            beam_line=reconstruction.Line(
                np.array(rule.beam_line_point_mm), np.array(rule.beam_line_direction)
            ),
            detector=detector,
            data_runs=tuple(runs for period in self.periods.values() for runs in period.data_runs),
            admission=admission,
            clusters=self._closed_clusters(),
        )

    def require_covers(self, regions: Regions, cluster_regions: Regions | None, where: Path) -> None:
        """Refuse regions unless each lies in the envelope of its own stage, in the same order.

        Parameters
        ----------
        regions : Regions
        cluster_regions : Regions, optional
            Those of pairs of clusters, of the same names.
        where : Path
            The file of the policy, for the message.

        Raises
        ------
        ConfigError
            When a region has no stage or a stage no region, their orders differ, or a region leaves its envelope.
        """
        names, envelopes = [box.name for box in regions.boxes], [box.name for box in self.envelopes.boxes]
        for name in names:
            if name not in envelopes:  # guard: region-has-a-stage
                raise ConfigError(
                    f"{where}: region {name} has no stage: add [stages.{name}], or nothing would keep it closed"
                )
        for name in envelopes:
            if name not in names:  # guard: stage-has-a-region
                raise ConfigError(f"{where}: [stages.{name}] has no region of that name in analysis.toml")
        if names != envelopes:  # guard: stages-in-order
            raise ConfigError(
                f"{where}: the stages open in the order {', '.join(self.stages)}, but the regions from the outermost inwards are "
                f"{', '.join(reversed(names))}: list the stages in that order"
            )
        _require_inside(regions, self.envelopes, f"{where}: region {{}}", "[stages.{}]")
        clusters = self.cluster_envelopes
        if cluster_regions is not None and clusters is not None:  # guard: cluster-region-in-envelope
            what = f"{where}: region {{}} of pairs of clusters"
            _require_inside(cluster_regions, clusters, what, "[stages.{}.clusters]")


def _require_inside(regions: Regions, envelopes: Envelopes, region: str, table: str) -> None:
    """Refuse a region that leaves its envelope; `region` and `table` say how the two are called, with the name in them."""
    around = {box.name: box for box in envelopes.boxes}
    for box in regions.boxes:
        if not box.inside(around[box.name]):  # guard: region-in-its-envelope
            raise ConfigError(
                f"{region.format(box.name)} leaves its closed envelope {table.format(box.name)}: keep it inside, or widen "
                "the envelope and seal the raw data again"
            )


@dataclass(frozen=True)
class Former:
    """A policy that is not in force any more.

    Attributes
    ----------
    policy : Policy
    last : int
        Number of the last row of the ledger that was written under it.
    """

    policy: Policy
    last: int


def read_policy(path: Path) -> Policy:
    """Read a policy, which may leave a region open: `Policy.require_covers` asks for that.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ConfigError
        When the file is wrong.
    """
    return validated(Policy, read_toml(path), Written(str(path)))
