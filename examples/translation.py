"""Learns to translate English to French, and prints the BLEU of sentences it has not seen.

    pip install "deepcore[examples]"
    python examples/translation.py                       # 40 built-in pairs, to try it: seconds
    python examples/translation.py --data multi30k --model fr.keras     # 29,000 pairs: minutes
    python examples/translation.py --model fr.keras --interactive       # what you type

A bidirectional GRU reads the English sentence; a second one writes the French one and attends to
all that was read (Luong et al. 2015); a beam search finds the translation. --data names a folder
with the files of Multi30k (Elliott et al. 2016), see deepcore.datasets.multi30k.
"""

import argparse
import collections
import json
import re
import sys
import time
from pathlib import Path

import numpy as np

import deepcore as keras
from deepcore import layers, ops
from deepcore.datasets import multi30k

PAD, UNKNOWN, START, END = range(4)
# What sentences are padded to, so that batches hold alike ones; longer ones are cut in training.
LENGTHS = (10, 13, 16, 19, 24, 42)
SMOOTHING = 0.1
# For the built-in sentences, and for more than a thousand.
SETTINGS = {
    "epochs": (60, 12, "passes over the sentences"),
    "batch_size": (8, 64, "sentences in a step"),
    "units": (64, 256, "size of word vectors and states"),
    "dropout": (0.1, 0.3, "share of values dropped in training"),
    "rate": (5e-3, 2e-3, "learning rate at first"),
    "min_count": (1, 2, "rarer words are unknown"),
}


def words_of(sentence: str) -> list[str]:
    """Lowercase words and punctuation marks; an elided word keeps its apostrophe (l' homme)."""
    return re.findall(r"\w+(?:-\w+)*'?|[^\w\s]", sentence.lower().replace("\u2019", "'"))


def sentence_of(words: list[str]) -> str:
    """Puts words together as one writes them."""
    text = re.sub(r" (?=[.,)])|(?<=[(']) ", "", " ".join(words))
    return text[:1].upper() + text[1:]


class Vocabulary:
    """The words that are seen often enough, numbered from 4 on, the most frequent first."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.numbers = {word: i for i, word in enumerate(words, END + 1)}

    @classmethod
    def learn(cls, sentences: list[str], least: int) -> "Vocabulary":
        """Those that are in `sentences` at least so many times."""
        counts = collections.Counter(word for s in sentences for word in words_of(s))
        return cls([word for word, n in counts.most_common() if n >= least])

    def __len__(self) -> int:
        return len(self.words) + END + 1

    def encode(self, sentence: str) -> list[int]:
        """The numbers of a sentence's words."""
        return [self.numbers.get(word, UNKNOWN) for word in words_of(sentence)]

    def decode(self, numbers: list[int]) -> str:
        """The sentence up to its end."""
        until = numbers.index(END) if END in numbers else len(numbers)
        return sentence_of([self.words[i - END - 1] for i in numbers[:until]])


def padded(rows: list[list[int]], length: int) -> np.ndarray:
    """Rows of one length, cut or filled up."""
    result = np.full((len(rows), length), PAD, np.int32)
    for place, row in zip(result, rows, strict=True):
        place[: len(row)] = row[:length]
    return result


def as_arrays(pairs, english: Vocabulary, french: Vocabulary):
    """(source, target so far), next words."""
    sources = [english.encode(sentence) for sentence in pairs[0]]
    targets = [french.encode(sentence) for sentence in pairs[1]]
    before = padded([[START, *row] for row in targets], LENGTHS[-1])
    after = padded([[*row, END] for row in targets], LENGTHS[-1])
    return (padded(sources, LENGTHS[-1]), before), after


def build_model(sources: int, targets: int, units: int, dropout: float) -> keras.Model:
    """(source, target so far) to logits of the next target word, at all steps at once."""
    values = keras.initializers.RandomUniform(-0.5, 0.5)
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    x = layers.Embedding(sources, units, values, mask_zero=True, name="source_embedding")(source)
    x = layers.Dropout(dropout)(x)
    reader = layers.GRU(units, return_sequences=True, return_state=True)
    read, forward, backward = layers.Bidirectional(reader, name="encoder")(x)
    memory = layers.Dense(units, name="memory")(read)
    state = layers.Concatenate()([forward, backward])
    state = layers.Dense(units, activation="tanh", name="first_state")(state)

    y = layers.Embedding(targets, units, values, mask_zero=True, name="target_embedding")(target)
    y = layers.Dropout(dropout)(y)
    writer = layers.GRU(units, return_sequences=True, return_state=True, name="decoder")
    written, _ = writer(y, initial_state=state)
    context = layers.Attention(name="attention")([written, memory])
    mixed = layers.Concatenate()([written, context])
    mixed = layers.Dense(units, activation="tanh", name="mix")(mixed)
    mixed = layers.Dropout(dropout)(mixed)
    logits = layers.Dense(targets, name="logits")(mixed)
    return keras.Model([source, target], logits, name="translation")


def smoothed_crossentropy(y_true, logits):
    """Cross-entropy where a share of the truth belongs to all words (Szegedy et al. 2016)."""
    own = keras.losses.sparse_categorical_crossentropy(y_true, logits, from_logits=True)
    all_words = ops.logsumexp(logits, -1) - ops.mean(logits, -1)
    return (1 - SMOOTHING) * own + SMOOTHING * all_words


class Translator:
    """A trained model with its vocabularies."""

    def __init__(self, model: keras.Model, source: Vocabulary, target: Vocabulary) -> None:
        self.model, self.source, self.target = model, source, target
        memory, state = (model.get_layer(name).output for name in ("memory", "first_state"))
        self.encoder = keras.Model(model.inputs[0], [memory, state])
        never = np.isin(np.arange(len(target)), (PAD, UNKNOWN, START))
        self.never = np.where(never, -np.inf, 0).astype(np.float32)

    def step(self, tokens, state):
        """The logits of the next words, and the decoder's next state."""
        layer = self.model.get_layer
        y = layer("target_embedding")(ops.expand_dims(tokens, 1))
        written, hidden = layer("decoder")(y, initial_state=state["hidden"])
        context = layer("attention")([written, state["memory"]], mask=[None, state["mask"]])
        mixed = layer("mix")(ops.concatenate([written, context], -1))
        logits = layer("logits")(mixed)[:, 0] + self.never
        return logits, {**state, "hidden": hidden}

    def __call__(self, sentences: list[str], beam_width: int = 5, batch: int = 64) -> list[str]:
        """The translations; sentences of alike lengths are done together."""
        rows = [self.source.encode(s) or [UNKNOWN] for s in sentences]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found = [""] * len(rows)
        for cut in range(0, len(order), batch):
            chosen = order[cut : cut + batch]
            length = -(-max(len(rows[i]) for i in chosen) // 4) * 4
            source = padded([rows[i] for i in chosen], length)
            memory, hidden = self.encoder.predict_on_batch(source)
            state = {"memory": memory, "hidden": hidden, "mask": source != PAD}
            tokens, _ = keras.decoding.beam_search(
                self.step, state, START, END, beam_width, 2 * length + 4, length_penalty=1.0
            )
            for i, best in zip(chosen, np.asarray(tokens)[:, 0].tolist(), strict=True):
                found[i] = self.target.decode(best)
        return found

    def save(self, path: Path) -> None:
        """The model as a .keras file, and the words beside it."""
        self.model.save(path)
        words = {"source": self.source.words, "target": self.target.words}
        path.with_suffix(".json").write_text(json.dumps(words), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Translator":
        """What `save` wrote."""
        words = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        model = keras.saving.load_model(path, compile=False)
        return cls(model, Vocabulary(words["source"]), Vocabulary(words["target"]))


def train(pairs, validation, args: argparse.Namespace) -> Translator:
    """Learns the words, then to translate."""
    english, french = (Vocabulary.learn(sentences, args.min_count) for sentences in pairs)
    print(f"{len(pairs[0])} pairs, {len(english)} English and {len(french)} French words")
    model = build_model(len(english), len(french), args.units, args.dropout)
    inputs, following = as_arrays(pairs, english, french)
    # Begins with how frequent each word is. Learned from zero, this alone would drive the layers
    # below into saturation: after 120 steps the loss is then 5.3, and so 2.9.
    counts = np.bincount(following[following != PAD], minlength=len(french)) + 0.5
    model.get_layer("logits").bias.assign(np.log(counts / counts.sum()))
    batches = keras.data.BucketByLength(
        inputs,
        following,
        batch_size=args.batch_size,
        boundaries=LENGTHS,
        sequence_targets=True,
    )
    rate = keras.optimizers.schedules.CosineDecay(args.rate, args.epochs * len(batches))
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), smoothed_crossentropy)
    model.summary()
    begin = time.perf_counter()
    model.fit(
        batches,
        epochs=args.epochs,
        validation_data=as_arrays(validation, english, french),
        validation_batch_size=args.batch_size,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    print(f"trained for {time.perf_counter() - begin:.0f} s")
    return Translator(model, english, french)


def test(translator: Translator, pairs, beam_width: int) -> None:
    """Prints some translations, and the BLEU of all."""
    begin = time.perf_counter()
    found = translator(pairs[0], beam_width)
    seconds = time.perf_counter() - begin
    for english, french, translation in list(zip(*pairs, found, strict=True))[:8]:
        print(f"\n   {english}\n-> {translation}\n   ({french})")
    print(f"\ntranslated {len(found)} sentences in {seconds:.1f} s")
    try:
        import sacrebleu
    except ImportError:
        print('BLEU is computed by sacrebleu: pip install "deepcore[examples]"')
        return
    # Detokenized translations beside the references as they are; case does not count.
    bleu = sacrebleu.corpus_bleu(found, [list(pairs[1])], lowercase=True)
    print(f"test BLEU: {bleu.score:.2f}")


def converse(translator: Translator, beam_width: int) -> None:
    """Translates line by line, until there are no more."""
    print("English sentences, please; an empty line ends.")
    for line in sys.stdin:
        if not line.strip():
            break
        print("->", *translator([line.strip()], beam_width), flush=True)


def main() -> None:
    """Trains or loads, tests, talks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, help="folder with Multi30k; built-in sentences if none"
    )
    parser.add_argument("--model", type=Path, help="loads this file, or trains and writes it")
    parser.add_argument("--interactive", action="store_true", help="translate standard input")
    parser.add_argument("--beam-width", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    for name, (small, large, meaning) in SETTINGS.items():
        told = f"{meaning} ({small}; with much data {large})"
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(large), help=told)
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    pairs, validation, unseen = multi30k.load_data(args.data)
    for name, values in SETTINGS.items():
        if getattr(args, name) is None:
            setattr(args, name, values[len(pairs[0]) > 1000])
    trained = args.model is not None and args.model.exists()
    if trained:
        translator = Translator.load(args.model)
    else:
        translator = train(pairs, validation, args)
        if args.model:
            translator.save(args.model)
            print(f"wrote {args.model} and {args.model.with_suffix('.json')}")
    if not (trained and args.interactive):
        test(translator, unseen, args.beam_width)
    if args.interactive:
        converse(translator, args.beam_width)


if __name__ == "__main__":
    main()
