"""TextVectorization: texts to rows of numbers (keras.layers.TextVectorization)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import checks
from deepcore.layers.preprocessing import tokens
from deepcore.layers.preprocessing.encoding import encode, padded, tally
from deepcore.layers.preprocessing.host import HostLayer
from deepcore.layers.preprocessing.index_lookup import output_mode_of, without_path
from deepcore.layers.preprocessing.string_lookup import StringLookup
from deepcore.layers.preprocessing.strings import as_bytes
from deepcore.layers.preprocessing.vocabulary import batches
from deepcore.serialization import builtin, deserialize_keras_object
from deepcore.symbolic import Shape

Array = npt.NDArray[Any]


@builtin("keras.layers")
class TextVectorization(HostLayer):
    """Standardizes texts, splits them into tokens, joins n-grams, and looks the tokens up.

    Number 0 is padding and 1 an unknown token, in output mode `int`; in the others column 0 counts
    unknown tokens. The vocabulary is given, or learned by `adapt`, and saved with the model.

    Args:
        max_tokens: the most tokens of the vocabulary, special ones included.
        standardize: `lower_and_strip_punctuation`, `lower`, `strip_punctuation`, None, or a
            function of a NumPy array of str. Case and punctuation are those of ASCII, as in Keras.
        split: `whitespace`, `character`, None, or a function of a NumPy array of str that gives a
            list of tokens for each.
        ngrams: join up to so many tokens, or so many as a tuple lists.
        output_mode: `int` a number for each token, rows filled up with zeros; `multi_hot`, `count`
            or `tf_idf` one row a text.
        output_sequence_length: the length of the rows of `int`; when None the longest text's: of
            a call, or of all the data that `fit`, `evaluate` or `predict` is given at once.
        pad_to_max_tokens: rows are `max_tokens` wide, however few tokens there are.
        vocabulary: the tokens, or the path of a text file with one a line.
        idf_weights: of the tokens, for `tf_idf`.
        sparse: kept for compatibility; must be False.
        ragged: kept for compatibility; must be False.
        encoding: of the tokens.
        name: of the layer.

    Input: strings (N,) or (N, 1). Output: int64 (N, T), or rows (N, tokens).

    Raises:
        ValueError: arguments that do not go together.

    Example:
        >>> layer = TextVectorization()
        >>> layer.adapt(["foo bar", "bar baz"])
        >>> layer(["Foo, qux bar!", "baz"]).tolist()
        [[3, 1, 2], [4, 0, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: int | tuple[int, ...] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        where = "TextVectorization"
        extra = {
            key: kwargs.pop(key)
            for key in ("vocabulary_size", "has_input_vocabulary")
            if key in kwargs
        }
        super().__init__(name=name, **kwargs)
        if not callable(standardize):
            checks.one_of(where, "standardize", standardize, (None, *tokens.STANDARDIZE))
        if not callable(split):
            checks.one_of(where, "split", split, (None, *tokens.SPLIT))
        if ragged:
            raise ValueError(f"{where}: ragged=True is not supported; rows are filled with zeros.")
        mode = output_mode_of(where, output_mode)
        if output_sequence_length is not None:
            checks.positive_int(where, "output_sequence_length", output_sequence_length)
            if mode != "int":
                raise ValueError(
                    f"{where}: output_sequence_length needs output_mode='int'. {output_mode=}."
                )
        if mode == "one_hot" and split is not None:
            raise ValueError(f"{where}: output_mode='one_hot' needs split=None.")
        self.standardize = standardize
        self.split = split
        self.ngrams = ngrams
        self.output_sequence_length = output_sequence_length
        self._sizes = _sizes(where, ngrams)
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=mode,
            sparse=sparse,
            encoding=encoding,
            **extra,
        )

    # ---- the vocabulary

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns the vocabulary.

        The most frequent tokens come first, of equally frequent ones the greatest.

        Args:
            data: texts, in an array, list or pandas column; or an iterable of batches of them.
            batch_size: kept for compatibility.
            steps: the most batches to take of an iterable.

        Raises:
            ValueError: the vocabulary was given to the constructor.
        """
        self.reset_state()
        for batch in batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts the tokens of a batch of texts."""
        rows, shape = self._rows(data)
        if self.split is None and len(shape) == 1:  # a vector of tokens is one document
            rows = [list(itertools.chain.from_iterable(rows))]
        self._lookup_layer.count(rows)

    def finalize_state(self) -> None:
        """Makes the vocabulary from the counts."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forgets the counts."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The tokens, each at its number; see `StringLookup.get_vocabulary`."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """The number of tokens, those for padding and for unknown ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the tokens; see `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # ---- the computation

    def _rows(self, inputs: Any) -> tuple[list[list[bytes]], tuple[int, ...]]:
        """The tokens of each text, and the shape of the texts (without a last axis of 1)."""
        where = type(self).__name__
        texts, shape = as_bytes(where, inputs)
        texts = tokens.standardized(where, self.standardize, texts)
        if self.split is None:  # they are tokens already, along the last axis
            width = shape[-1] if shape else 1
            rows = [texts[i : i + width] for i in range(0, len(texts), max(1, width))]
        else:
            if len(shape) > 1 and shape[-1] != 1:
                raise ValueError(
                    f"{where}: texts must have the shape (N,) or (N, 1) to be split. "
                    f"Received: shape {shape}."
                )
            shape = shape[:-1] if len(shape) > 1 else shape
            rows = tokens.split(where, self.split, texts)
        return (rows if self._sizes is None else tokens.ngrams(rows, self._sizes)), shape

    def call(self, inputs: Any) -> Array:
        lookup = self._lookup_layer
        rows, shape = self._rows(inputs)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = lookup.lookup(list(itertools.chain.from_iterable(rows)))
        outer = shape[:-1] if self.split is None else shape
        if lookup.output_mode == "int":
            length = self.output_sequence_length
            if length is None:
                length = int(lengths.max()) if len(lengths) else 0
            return padded(ids, lengths, length).reshape(*outer, length)
        if lookup.output_mode == "one_hot":
            length = int(lengths.max()) if len(lengths) else 0
            return encode(ids.reshape(*outer, length), "one_hot", lookup.depth, "int64")
        row = np.repeat(np.arange(len(rows)), lengths)
        mode, depth = lookup.row_mode, lookup.depth
        counts = tally(ids, row, len(rows), mode, depth, *lookup.row_values)
        return counts.reshape(*outer, depth)

    @property
    def compute_dtype(self) -> str:  # type: ignore[override]
        """The dtype of the inputs."""
        return "string"

    @property
    def output_dtype(self) -> str:
        return self._lookup_layer.output_dtype

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        lookup = self._lookup_layer
        outer = tuple(input_shape[:-1] if len(input_shape) > 1 else input_shape)
        if lookup.output_mode == "int":
            return (*outer, self.output_sequence_length)
        tail = lookup.compute_output_shape((None, None))[1:]
        if lookup.output_mode == "one_hot":
            return lookup.compute_output_shape(tuple(input_shape))
        return (*outer, *tail)

    # ---- configuration and files

    def get_config(self) -> dict[str, Any]:
        lookup = self._lookup_layer.get_config()
        taken = ("max_tokens", "output_mode", "pad_to_max_tokens", "sparse", "vocabulary")
        return {
            **super().get_config(),
            **{key: lookup[key] for key in taken},
            "standardize": self.standardize,
            "split": self.split,
            "ngrams": self.ngrams,
            "output_sequence_length": self.output_sequence_length,
            "ragged": False,
            "idf_weights": lookup["idf_weights"],
            "encoding": lookup["encoding"],
            "vocabulary_size": lookup["vocabulary_size"],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(without_path(cls.__name__, config))
        for key in ("standardize", "split"):
            if isinstance(config.get(key), dict):
                config[key] = deserialize_keras_object(config[key])
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return cls(**config)

    def save_own_variables(self, store: Any) -> None:
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Writes the vocabulary into a folder, unless the config has it."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Reads what `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)


def _sizes(where: str, ngrams: Any) -> tuple[int, ...] | None:
    if ngrams is None:
        return None
    if isinstance(ngrams, tuple):
        return tuple(checks.positive_int(where, "ngrams", size) for size in ngrams)
    return tuple(range(1, checks.positive_int(where, "ngrams", ngrams) + 1))
