"""Files as users have them - csv, zip, trees of pictures - to rows of faces. No TensorFlow."""
