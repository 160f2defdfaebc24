"""The methods of the library TorchJD under this library's interface, as in ``torchjd:UPGrad``."""
