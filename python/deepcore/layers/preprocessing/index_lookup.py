"""IndexLookup: tokens to numbers and back, what StringLookup and IntegerLookup share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import checks, config
from deepcore.layers.preprocessing import hashes
from deepcore.layers.preprocessing.encoding import encode, encoded_shape
from deepcore.layers.preprocessing.learned import LearnedVocabulary, listed
from deepcore.layers.preprocessing.vocabulary import MISSING
from deepcore.symbolic import Shape

Array = npt.NDArray[Any]
MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
# Each is a number in every vocabulary: a config must not ask for all memory.
MAX_OOV = 1 << 22
_OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def output_mode_of(where: str, mode: Any) -> str:
    """A checked output mode; Keras's older names are known."""
    return str(checks.one_of(where, "output_mode", _OLD_MODES.get(mode, mode), MODES))


class IndexLookup(LearnedVocabulary):
    """A table of tokens; subclasses say what a token is.

    See `StringLookup` for the arguments.
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        where = type(self).__name__
        kwargs.pop("dtype", None)
        size = kwargs.pop("vocabulary_size", None)
        fixed = bool(kwargs.pop("has_input_vocabulary", vocabulary is not None))
        super().__init__(size, fixed, name=name, **kwargs)
        if max_tokens is not None and checks.positive_int(where, "max_tokens", max_tokens) < 2:
            raise ValueError(f"{where}: max_tokens must be greater than 1. Received: {max_tokens=}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{where}: pad_to_max_tokens=True needs max_tokens.")
        self.output_mode = output_mode_of(where, output_mode)
        if invert and self.output_mode != "int":
            raise ValueError(f"{where}: invert=True needs output_mode='int'. {output_mode=}")
        if sparse:
            raise ValueError(f"{where}: sparse=True is not supported; outputs are dense.")
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(f"{where}: idf_weights need output_mode='tf_idf'. {output_mode=}")
        self.max_tokens = max_tokens
        self.num_oov_indices = checks.count(where, "num_oov_indices", num_oov_indices)
        if num_oov_indices > MAX_OOV:
            raise ValueError(
                f"{where}: num_oov_indices must be at most {MAX_OOV}. Received: {num_oov_indices=}."
            )
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = bool(invert)
        self.pad_to_max_tokens = bool(pad_to_max_tokens)
        self.oov_method = checks.one_of(where, "oov_method", oov_method, ("floormod", "farmhash"))
        self.salt = hashes.key_of(where, salt)
        # Kept for configs, unless it came from a file, which must not be looked for again. Plain,
        # as nothing in them is ever owned.
        given = None if vocabulary is None or isinstance(vocabulary, str) else listed(vocabulary)
        weights = None if idf_weights is None else listed(idf_weights)
        object.__setattr__(self, "_given", given)
        object.__setattr__(self, "_given_idf", weights)
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    _given: list[Any] | None
    _given_idf: list[Any] | None

    def _hashable(self, token: Any) -> bytes:
        """A token as the bytes that are hashed."""
        raise NotImplementedError(f"{type(self).__name__} must write _hashable.")

    # ---- looking up

    def call(self, inputs: Any) -> Array:
        if self.invert:
            return self._inverted(np.asarray(inputs))
        tokens, shape = self._tokens_in(inputs)
        ids = self.lookup(tokens).reshape(shape)
        if self.output_mode == "int":
            return ids
        return encode(ids, self.row_mode, self.depth, *self.row_values)

    def lookup(self, tokens: list[Any]) -> npt.NDArray[np.int64]:
        """The numbers of tokens that are in the form of the table's keys.

        Raises:
            RuntimeError: there is no vocabulary.
            ValueError: an unknown token, and no number for such.
        """
        one = self.num_oov_indices == 1
        found = self._vocabulary.numbers(tokens, self._oov_start if one else MISSING)
        if not one:
            missing = np.flatnonzero(found == MISSING)
            if len(missing):
                found[missing] = self._oov_start + self._buckets([tokens[i] for i in missing])
        return found

    def _buckets(self, tokens: list[Any]) -> Array:
        if self.num_oov_indices == 0:
            shown = [repr(self._shown(token)) for token in dict.fromkeys(tokens)]
            raise ValueError(
                f"{type(self).__name__}: with num_oov_indices=0 all inputs must be in the "
                f"vocabulary. Received: {', '.join(shown[:10])}. Consider num_oov_indices=1."
            )
        strings = [self._hashable(token) for token in tokens]
        return hashes.buckets(strings, self.num_oov_indices, self.salt)

    @property
    def row_mode(self) -> str:
        """How rows of categories are encoded."""
        return "count" if self.output_mode == "tf_idf" else self.output_mode

    @property
    def depth(self) -> int:
        """The size of an encoded row."""
        if self.pad_to_max_tokens and self.max_tokens is not None:
            return self.max_tokens
        return self.vocabulary_size()

    @property
    def row_values(self) -> tuple[str, Array | None]:
        """The dtype of a row, and the weights of the tokens for `tf_idf`."""
        idf = self._vocabulary.idf
        return ("int64", None) if idf is None else (str(idf.dtype), idf)

    def _inverted(self, ids: Array) -> Array:
        if ids.dtype.kind not in "iufb":
            raise ValueError(
                f"{type(self).__name__}: an inverted layer takes numbers. "
                f"Received: values of dtype {ids.dtype}, shape {ids.shape}."
            )
        first = self._token_start
        table = {first + i: self._shown(t) for i, t in enumerate(self._vocabulary.tokens)}
        if self.mask_token is not None:
            table[0] = self.mask_token
        out = np.empty(ids.size, object if self._kind is str else "int64")
        out[:] = [table.get(int(i), self.oov_token) for i in ids.reshape(-1).tolist()]
        return out.reshape(ids.shape)

    # ---- shapes

    @property
    def compute_dtype(self) -> str:  # type: ignore[override]
        """The dtype of the inputs."""
        return "string" if self._kind is str and not self.invert else "int64"

    @property
    def output_dtype(self) -> str:
        if self.invert and self._kind is str:
            return "string"
        return "int64" if self.output_mode == "int" else config.floatx()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.output_mode == "int":
            return tuple(input_shape)
        depth = self.max_tokens if self.pad_to_max_tokens else self._frozen_size
        return encoded_shape(input_shape, self.output_mode, depth)

    # ---- configuration

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": False,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": self._given_idf,
            "vocabulary": self._given,
            "vocabulary_size": self._frozen_size,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**without_path(cls.__name__, config))

    def get_build_config(self) -> dict[str, Any] | None:
        return {}

    @property
    def _in_config(self) -> bool:
        return self._given is not None


def without_path(where: str, config: dict[str, Any]) -> dict[str, Any]:
    """A config, unless its vocabulary is the path of a file: a model file must not name others.

    Raises:
        ValueError: it is.
    """
    if isinstance(config.get("vocabulary"), str):
        raise ValueError(
            f"{where}: a saved layer must bring its vocabulary along, but names the file "
            f"{config['vocabulary']!r}; it is not read."
        )
    return config
