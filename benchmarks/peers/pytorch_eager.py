"""PyTorch, eager: the loop of its tutorials without a data loader, with the accuracy on the way."""

import sys

from worker import data, serve


def main() -> None:
    """Serves one workload."""
    workload, batch = sys.argv[1], int(sys.argv[2])
    try:
        import torch
        from torch import nn
    except ImportError as error:
        print(error, flush=True)
        return
    bodies = {
        "mlp_mnist": [nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()],
        "cnn_mnist": [
            nn.Conv2d(1, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(1600, 64),
            nn.ReLU(),
        ],
    }
    model = nn.Sequential(*bodies[workload], nn.Linear(64, 10))
    x_array, y_array = data(workload)
    x, y = torch.from_numpy(x_array), torch.from_numpy(y_array)
    if workload == "cnn_mnist":
        x = x.permute(0, 3, 1, 2)
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = nn.CrossEntropyLoss()

    def epoch() -> None:
        order = torch.randperm(len(x))
        total, right = torch.zeros(()), torch.zeros(())
        for begin in range(0, len(x), batch):
            rows = order[begin : begin + batch]
            labels = y[rows]
            optimizer.zero_grad(set_to_none=True)
            logits = model(x[rows])
            loss = loss_of(logits, labels)
            loss.backward()
            optimizer.step()
            total += loss.detach()
            right += (logits.detach().argmax(1) == labels).sum()
        float(total), float(right)

    serve(epoch, workload)


main()
