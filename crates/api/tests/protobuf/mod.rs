mod reference;
mod speed;
