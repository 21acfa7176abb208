#!/usr/bin/env python3
"""The work of one row of scripts/bench.lua, done by PyTorch.

usage: peer_torch.py train|sample CELL LAYERS HIDDEN BATCH STEPS VOCAB
                     [--threads N] [--seconds S]

Prints one line: tokens per second (median of the passes of S seconds),
peak resident bytes. The training step is what users write: Embedding, the
recurrent stack, Linear, cross_entropy, Adam, clip_grad_norm_, state detached;
the sampling step is one token through the model and a draw.
"""
import argparse
import resource
import statistics
import time

import torch


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("work", choices=["train", "sample"])
    p.add_argument("cell", choices=["RNN", "LSTM", "GRU"])
    for name in "layers", "hidden", "batch", "steps", "vocab":
        p.add_argument(name, type=int)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=2.0)
    return p.parse_args()


class Model(torch.nn.Module):
    def __init__(self, o):
        super().__init__()
        self.embed = torch.nn.Embedding(o.vocab, o.hidden)
        self.rnn = getattr(torch.nn, o.cell)(o.hidden, o.hidden, o.layers)
        self.out = torch.nn.Linear(o.hidden, o.vocab)

    def forward(self, x, state):
        h, state = self.rnn(self.embed(x), state)
        return self.out(h), state


def detach(state):
    if torch.is_tensor(state):
        return state.detach()
    return tuple(part.detach() for part in state)


def trainer(o):
    model = Model(o)
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    x = torch.randint(0, o.vocab, (o.steps, o.batch))
    y = torch.randint(0, o.vocab, (o.steps, o.batch))
    state = None

    def step():
        nonlocal state
        logits, last = model(x, state)
        loss = torch.nn.functional.cross_entropy(
            logits.view(-1, o.vocab), y.view(-1))
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        state = detach(last)

    return step, o.steps * o.batch


def sampler(o):
    model = Model(o).eval()
    x = torch.zeros(1, o.batch, dtype=torch.long)
    state = None

    def step():
        nonlocal x, state
        with torch.inference_mode():
            logits, state = model(x, state)
            p = torch.softmax(logits[0], 1)
            x = torch.multinomial(p, 1).view(1, o.batch)

    return step, o.batch


def main():
    o = arguments()
    torch.set_num_threads(o.threads)
    torch.manual_seed(1)
    step, tokens = (trainer if o.work == "train" else sampler)(o)
    start = time.perf_counter()
    step()
    step()
    each = (time.perf_counter() - start) / 2
    passes = 5
    n = max(1, round(o.seconds / passes / each))
    speeds = []
    for _ in range(passes):
        start = time.perf_counter()
        for _ in range(n):
            step()
        speeds.append(tokens * n / (time.perf_counter() - start))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{statistics.median(speeds):.6g} {peak}")


main()
