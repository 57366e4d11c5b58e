"""LearnedVocabulary: the half of a lookup layer that gets, checks and keeps its vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import config
from deepcore.layers.preprocessing.host import HostLayer
from deepcore.layers.preprocessing.vocabulary import (
    DROPPED,
    Learner,
    Vocabulary,
    batches,
    read_assets,
    write_assets,
)


class LearnedVocabulary(HostLayer):
    """A layer with a table of tokens, given or learned by `adapt`."""

    mask_token: Any
    oov_token: Any
    max_tokens: int | None
    num_oov_indices: int
    output_mode: str
    invert: bool
    pad_to_max_tokens: bool

    def __init__(self, vocabulary_size: int | None, fixed: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._frozen_size = vocabulary_size
        self._fixed = fixed
        self._known: Vocabulary | None = None
        self._idf_in_file: npt.NDArray[Any] | None = None
        self._learner = Learner()

    # ---- what a token is

    def _token(self, value: Any) -> Any:
        """One token in the form of the table's keys."""
        raise NotImplementedError(f"{type(self).__name__} must write _token.")

    def _shown(self, token: Any) -> Any:
        """A token as users see it."""
        raise NotImplementedError(f"{type(self).__name__} must write _shown.")

    def _tokens_in(self, values: Any) -> tuple[list[Any], tuple[int, ...]]:
        """The tokens of the inputs in order, and their shape."""
        raise NotImplementedError(f"{type(self).__name__} must write _tokens_in.")

    def _lines(self, path: str) -> list[Any]:
        """The tokens in a file, one a line."""
        raise NotImplementedError(f"{type(self).__name__} must write _lines.")

    # ---- reading it

    @property
    def _oov_start(self) -> int:
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    @property
    def _special(self) -> list[Any]:
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    @property
    def _vocabulary(self) -> Vocabulary:
        if self._known is None:
            raise RuntimeError(
                f"{type(self).__name__}: the layer '{self.name}' has no vocabulary yet. "
                "Call `adapt` on data, or pass `vocabulary`."
            )
        return self._known

    def vocabulary_size(self) -> int:
        """The number of tokens, those for padding and for unknown ones included."""
        return self._token_start + (0 if self._known is None else len(self._known.tokens))

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens, each at its number.

        Args:
            include_special_tokens: also those for padding and for unknown tokens, at the front.
        """
        tokens = [] if self._known is None else [self._shown(t) for t in self._known.tokens]
        return [*self._special, *tokens] if include_special_tokens else tokens

    # ---- setting it

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the tokens, in place of learning them by `adapt`.

        Args:
            vocabulary: a sequence of tokens, with or without the special ones in front; or the path
                of a text file with one a line.
            idf_weights: of the tokens, when `output_mode` is `tf_idf`.

        Raises:
            ValueError: it is empty, too large, has a token twice or a special one in its midst.
        """
        where = type(self).__name__
        if self.output_mode != "tf_idf" and idf_weights is not None:
            raise ValueError(f"{where}: idf_weights need output_mode='tf_idf'.")
        if self.output_mode == "tf_idf" and (idf_weights is None or isinstance(vocabulary, str)):
            raise ValueError(
                f"{where}: with output_mode='tf_idf' the vocabulary must be a sequence, and come "
                "with idf_weights."
            )
        special = [None if token is None else self._token(token) for token in self._special]
        if isinstance(vocabulary, str):
            tokens, complete = self._lines(vocabulary), False
        else:
            tokens = [self._token(value) for value in listed(vocabulary)]
            complete = tokens[: len(special)] == special
        if not tokens:
            raise ValueError(f"{where}: cannot set an empty vocabulary. Received: {vocabulary!r}.")
        learned = tokens[len(special) :] if complete else tokens
        self._check(learned)
        idf = None if idf_weights is None else self._checked_idf(idf_weights, len(tokens), complete)
        self._fill(learned, idf)

    def _check(self, tokens: list[Any]) -> None:
        where = type(self).__name__
        places = {token: place for place, token in enumerate(tokens)}
        if len(places) != len(tokens):
            twice = {t for place, t in enumerate(tokens) if places[t] != place}
            shown = ", ".join(sorted(repr(self._shown(token)) for token in twice)[:10])
            raise ValueError(f"{where}: the vocabulary has tokens more than once: {shown}.")
        # The OOV token is looked up only by an inverted layer.
        for what, token in (("mask", self.mask_token), ("OOV", self.oov_token)):
            if token is None or (what == "OOV" and not self.invert):
                continue
            if self._token(token) in places:
                raise ValueError(
                    f"{where}: found the {what} token {token!r} in the midst of the vocabulary. "
                    f"Leave all special tokens out, or begin with exactly these: {self._special}."
                )
        size = self._token_start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"{where}: the vocabulary is larger than max_tokens. "
                f"Received: {size} tokens with the special ones, max_tokens={self.max_tokens}."
            )

    def _checked_idf(self, weights: Any, count: int, complete: bool) -> npt.NDArray[Any]:
        idf = np.asarray(weights, "float64")
        if idf.shape != (count,):
            raise ValueError(
                f"{type(self).__name__}: idf_weights must hold a weight for each of the {count} "
                f"tokens. Received: shape {idf.shape}."
            )
        return idf if complete else self._with_average(idf)

    def _with_average(self, idf: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Unknown tokens weigh the average: nobody counts their documents."""
        average = idf.mean() if len(idf) else 0.0
        return np.pad(idf, (self._token_start, 0), constant_values=average)

    def _fill(self, tokens: list[Any], idf: npt.NDArray[Any] | None) -> None:
        size = self._token_start + len(tokens)
        free = self.output_mode == "int" or self.pad_to_max_tokens
        if not free and self._frozen_size not in (None, size):
            raise RuntimeError(
                f"{type(self).__name__}: with output_mode={self.output_mode!r} the vocabulary is "
                f"as large as the output, and cannot change from {self._frozen_size} to {size} "
                "tokens. Make a new layer, or pass pad_to_max_tokens=True."
            )
        if idf is not None:
            if self.pad_to_max_tokens and self.max_tokens is not None:
                idf = np.pad(idf, (0, max(0, self.max_tokens - len(idf))))
            idf = idf.astype(config.floatx())
        special = {}
        if self.mask_token is not None:
            special[self._token(self.mask_token)] = 0 if self.output_mode == "int" else DROPPED
        self._known = Vocabulary(tokens, self._token_start, special, idf)
        self._frozen_size = size

    # ---- learning it

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the vocabulary.

        The most frequent tokens come first, of equally frequent ones the greatest.

        Args:
            data: an array, list or pandas column (N,) or (N, ...), a row a document; or an iterable
                of batches.
            steps: the most batches to take of an iterable.

        Raises:
            ValueError: the vocabulary was given to the constructor.
        """
        self.reset_state()
        for batch in batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts the tokens of a batch; a vector is one document."""
        tokens, shape = self._tokens_in(data)
        width = int(np.prod(shape[1:])) if len(shape) > 1 else len(tokens)
        self.count([tokens[i : i + width] for i in range(0, len(tokens), max(1, width))])

    def count(self, documents: list[list[Any]]) -> None:
        """Counts the tokens of documents."""
        if self._fixed:
            raise ValueError(
                f"{type(self).__name__}: cannot adapt the layer '{self.name}', whose vocabulary "
                "was given by the argument `vocabulary`."
            )
        self._learner.count(documents, self.output_mode == "tf_idf")

    def finalize_state(self) -> None:
        """Makes the vocabulary from the counts."""
        if self._fixed:
            return
        special = {self._token(t) for t in (self.mask_token, self.oov_token) if t is not None}
        most = None if self.max_tokens is None else max(0, self.max_tokens - self._token_start)
        tokens = self._learner.most_common(special, most)
        idf = None
        if self.output_mode == "tf_idf":
            idf = self._with_average(self._learner.idf(tokens))
        self._fill(tokens, idf)
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets the counts."""
        self._learner.clear()

    # ---- files

    def save_own_variables(self, store: Any) -> None:
        if self._known is not None and self._known.idf is not None:
            store["idf_weights"] = self._known.idf

    def load_own_variables(self, store: Any) -> None:
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self._idf_in_file = np.asarray(store["idf_weights"])
            if self._known is not None:
                count = len(self._known.tokens) + self._token_start
                idf = self._checked_idf(self._idf_in_file[:count], count, complete=True)
                self._fill(self._known.tokens, idf)

    def save_assets(self, dir_path: Any) -> None:
        """Writes the vocabulary into a folder, unless the config has it."""
        if not self._in_config and self._known is not None:
            write_assets(dir_path, self.get_vocabulary())

    def load_assets(self, dir_path: Any) -> None:
        """Reads what `save_assets` wrote."""
        if self._in_config:
            return
        tokens = read_assets(dir_path, self._kind)
        idf = self._idf_in_file
        if idf is not None and self.pad_to_max_tokens and len(idf) != self.max_tokens:
            raise ValueError(
                f"{type(self).__name__}: the file must hold a weight for each of max_tokens="
                f"{self.max_tokens} tokens. It holds {len(idf)}."
            )
        self.set_vocabulary(tokens, None if idf is None else idf[: len(tokens)])

    @property
    def _in_config(self) -> bool:
        raise NotImplementedError(f"{type(self).__name__} must write _in_config.")

    @property
    def _kind(self) -> type:
        """Of a token as users see it."""
        raise NotImplementedError(f"{type(self).__name__} must write _kind.")


def listed(values: Any) -> list[Any]:
    """A vocabulary or weights, of whatever kind of sequence, as a list."""
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    found = values.tolist() if hasattr(values, "tolist") else list(values)
    return found if isinstance(found, list) else [found]
