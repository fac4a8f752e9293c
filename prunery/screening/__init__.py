"""Screening of uploads with the standard library alone: no TensorFlow, h5py, Pillow or NumPy.

strict_json  JSON without surprises
archives     zip directories checked before a byte is inflated
arrays       .npy headers
allowlist    what a model's configuration may name; allowlist.json is committed data
legacy       configurations of Keras 2 and tf-keras, put into today's form
config       a model's configuration, checked before anything is built
models       the first look at a model file
datasets     the first look at a dataset file
fit          do this model and this dataset go together?

Run twice: by the API at upload, and by the sandboxed engine before it loads anything.
"""
