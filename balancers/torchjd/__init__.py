"""Methods of the library TorchJD under this library's interface, by names such as ``torchjd:UPGrad``."""
