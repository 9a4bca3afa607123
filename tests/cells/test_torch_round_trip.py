"""Every option of a module of PyTorch: what is read, that it computes the same, and that what is written loads back."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from cells import BatchFirst, from_torch, to_torch, unroll

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

OPTIONS = list(product(["RNN", "RNN relu", "LSTM", "GRU"], [1, 2, 3], [False, True], [True, False], [False, True]))


def load_back(module: Any, cell: Any, params: Any, **options: Any) -> None:
    """Load what is written into a module with zeroed weights, and compare each weight's effect."""
    weights = to_torch(cell, params, **options)
    assert weights.keys() == module.state_dict().keys()
    module.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})


@pytest.mark.parametrize(("kind", "depth", "two_way", "bias", "batch_first"), OPTIONS)
def test_a_module_is_read_and_written_back(kind: str, depth: int, two_way: bool, bias: bool, batch_first: bool) -> None:
    """Kind, depth, directions, biases and the order of axes are read; outputs agree, and the weights load back."""
    torch.manual_seed(0)
    name, *relu = kind.split()
    module = getattr(torch.nn, name)(
        3,
        2,
        depth,
        bidirectional=two_way,
        bias=bias,
        batch_first=batch_first,
        dtype=torch.float64,
        **({"nonlinearity": "relu"} if relu else {}),
    )
    xs = torch.randn(4, 5, 3, dtype=torch.float64)
    expected = module(xs)[0].detach().numpy()

    cell, params = from_torch(module)

    assert isinstance(cell, BatchFirst) == batch_first
    np.testing.assert_allclose(unroll(cell, params, xs).outputs, expected, atol=1e-12)
    np.testing.assert_allclose(unroll(cell, params, xs[0]).outputs, module(xs[0])[0].detach().numpy(), atol=1e-12)
    load_back(module, cell, params)
    np.testing.assert_allclose(module(xs)[0].detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["RNNCell", "RNNCell relu", "LSTMCell", "GRUCell"])
def test_a_single_cell_is_read_and_written_back(kind: str, bias: bool) -> None:
    """RNNCell, LSTMCell and GRUCell are read as nets of one layer, and written without the layer's number."""
    torch.manual_seed(0)
    name, *relu = kind.split()
    module = getattr(torch.nn, name)(3, 2, bias=bias, dtype=torch.float64, **({"nonlinearity": "relu"} if relu else {}))
    x = torch.randn(5, 3, dtype=torch.float64)
    expected = module(x)[0] if name == "LSTMCell" else module(x)

    cell, params = from_torch(module)

    np.testing.assert_allclose(unroll(cell, params, x[None]).outputs[0], expected.detach().numpy(), atol=1e-12)
    load_back(module, cell, params, single_cell=True)


def test_a_projection_is_refused_by_its_name() -> None:
    """proj_size is an option that the cells do not have, also where the module stands in a larger model."""
    module = torch.nn.LSTM(3, 4, proj_size=2)
    with pytest.raises(ValueError, match="projection"):
        from_torch(module)
    with pytest.raises(ValueError, match="projection"):
        from_torch(torch.nn.Sequential(module), "0")
