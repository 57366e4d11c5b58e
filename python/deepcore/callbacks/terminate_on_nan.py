"""TerminateOnNaN (keras.callbacks.TerminateOnNaN)."""

from __future__ import annotations

import math

from deepcore.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Stops training when the loss is NaN or infinite.

    The loss reported is a mean over the epoch, which stays NaN once it is: looking now and then is
    enough, and training runs at full speed.
    """

    samples_batches = True

    def wants_progress(self) -> bool:
        """It looks whenever it may."""
        return True

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss) and not self.model.stop_training:
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True
