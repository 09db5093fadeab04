"""Trees in memory, and an entry of somebody else's log: what the tests of proofs hold the code against."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from typing import Final

from ledger.proofs.merkle import Node, leaf_hash, node_hash


def node_of(leaves: Sequence[bytes]) -> Node:
    """The nodes of the tree over these leaves, by RFC 6962's definition of a complete subtree."""

    @cache
    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaf_hash(leaves[index])
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


class Rekor:
    """An entry of Sigstore's public log, as its service answered: https://github.com/sigstore/sigstore-js.

    Its packages/sign/src/__tests__/external/rekor-v2.test.ts has body, hashes and checkpoint; the log's key is in
    Sigstore's trusted root, written here as a verifier key.
    """

    KEY: Final = "log2025-1.rekor.sigstore.dev+cf119915+AbfK5adZJxsI323FwGD2AJJ9F4i89cfDuLdGJBIYntuO"
    ORIGIN: Final = "log2025-1.rekor.sigstore.dev"
    INDEX: Final = 412_114
    BODY: Final = base64.b64decode(
        "eyJhcGlWZXJzaW9uIjoiMC4wLjIiLCJraW5kIjoiaGFzaGVkcmVrb3JkIiwic3BlYyI6eyJoYXNoZWRSZWtvcmRWMDAyIjp7ImRhdGEi"
        "OnsiYWxnb3JpdGhtIjoiU0hBMl8yNTYiLCJkaWdlc3QiOiI1ZEoyU2FrVWVPWFk0dXQxaEJIUG9teitoVG42dGMwS1R6Y0dvc0ErZXBF"
        "PSJ9LCJzaWduYXR1cmUiOnsiY29udGVudCI6Ik1FWUNJUURjSk84Mm56MXJydHUxRHhTcHJ1WDFvZ0p1bThkbDRJaUdCTVB6M2pZY2Jn"
        "SWhBS3dROHdOdTFPbjhwWWZoQUpDSzhPcVQwT09HVGgveUFRK0FuL2UzZC9kVSIsInZlcmlmaWVyIjp7ImtleURldGFpbHMiOiJQS0lY"
        "X0VDRFNBX1AyNTZfU0hBXzI1NiIsInB1YmxpY0tleSI6eyJyYXdCeXRlcyI6Ik1Ga3dFd1lIS29aSXpqMENBUVlJS29aSXpqMERBUWNE"
        "UWdBRTBxOVErdGRHMTk1Q1hLZm1VeDFZYXR2Wi9tTjNyaGpwT2ZtMWx2c2tXcHJIOVB4cGU5WGM2TGpFSmJCY1ZQaHV0a2ZVdkJCOVJE"
        "ays0MlNORTYvNXhnPT0ifX19fX19"
    )
    HASHES: Final = (
        "KIoYVJ0TqmaEkFboP7YWTjSh8vFjVECmokcTOAByfIM=",
        "Umf0h0cK2hegTzNnSgsXszyiA4bp5OvEvP+GrWq3C8w=",
        "vNQeSNBfepYZI2Ez3ViKdCft0JH87ZS8IGKwixxUVjc=",
        "JBAugd5awOqmHXIKgz1MOjlR5f37VqmP0bWoRVcHX5M=",
        "xYH2mAxGxfOgvSOLnItT2LsJt+Z2a2egjf8QJFwK7jA=",
        "PbZWM3NitzChx9A22m/kddDtzh2bAKX5Fy7j76l3z2k=",
        "sKX9Sbsahvw5DiC2oP6pbZsDi1NzuNS1nIULXkCC57o=",
        "pfTCxXHnCM253jwYxVJcuUhmoTTtDxznn92QhN0M4Ws=",
        "cJ8uk2ZvZyfg+HRILKOHcyHu2pvI8Fz3R1MyMvyzWtA=",
    )
    NOTE: Final = (
        "log2025-1.rekor.sigstore.dev\n"
        "412115\n"
        "+8vUkEgBK/ansexBUomzocaWoPEmPIzxJC/y+xNMQN4=\n"
        "\n"
        "— log2025-1.rekor.sigstore.dev "
        "zxGZFahCZ/+MqTjH4rC5MWcdLDWbpetE5l30RZfQc4BQkRjWSoKipEUPjvHENeZDHIlAsuezJcLzUVvItpNjaSRoMAs=\n"
    )
    WITNESSED: Final = (
        "log2025-1.rekor.sigstore.dev\n"
        "139911860\n"
        "EliTHtnx44DhEBH+5qIXBtQsSpc54Avam7mIYEvxnTA=\n"
        "\n"
        "— log2025-1.rekor.sigstore.dev "
        "zxGZFcOra4Y7QpuiQen+CmnUvDZbxSXfBOXJzL+HKIeR9aC58QTfao58ABqkhVyBhQDseS+TZdDNpcnZhoRxkh7IbQ0=\n"
        "— witness.stagemole.eu Z/euoAAAAABqxF18wrJCADsJ1G5Lc2JaRjZqqBwjpNqH24yQse4iJ4rKS6b5MtvHP+IbKYXwaWuWokdGA+Bu"
        "bLFi+TrwK7xpKr6XBw==\n"
    )
